"""The resources of the sandbox, its ledger and its page, over a real socket."""

from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from worker.sandbox import Sandbox

INVITE: dict[str, Any] = {
    "expectedArrivalAt": "2026-03-02T16:00:00+01:00",
    "locationId": "100001",
    "flowId": "200001",
    "hostEmployeeId": "300001",
    "invitee": {"name": "Test Visitor", "email": "visitor@example.com"},
    "sendEmailToInvitee": False,
}
Open = Callable[..., httpx.Client]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Serve a sandbox with two companies."""
    with Sandbox(companies=2) as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """Open a client with all scopes of the first company."""
    with authorised(sandbox) as made:
        yield made


def authorised(sandbox: Sandbox, **grant: Any) -> httpx.Client:
    """Return a client with a fresh token."""
    token = sandbox.grant(**grant)["access_token"]
    return httpx.Client(base_url=sandbox.api_url, headers={"Authorization": f"Bearer {token}"})


def create(client: httpx.Client, request_id: str = "r", **changes: object) -> httpx.Response:
    """Post the sample invite with these changes."""
    body = {"invite": {**INVITE, **changes}}
    return client.post("/v1/invites", json=body, headers={"X-Request-Id": request_id})


def test_an_invite_lives_from_create_to_delete(sandbox: Sandbox, client: httpx.Client) -> None:
    """Create answers 201 with the documented fields, update and read 200, a second delete 404."""
    created = create(client)
    data = created.json()["data"]
    path = f"/v1/invites/{data['id']}"
    updated = client.post(path, json={"invite": {"expectedArrivalAt": "2026-03-03T09:00:00Z"}})

    assert created.status_code == 201
    assert data["expectedArrivalAt"] == "2026-03-02T15:00:00Z"
    assert data["host"] == {"name": "Maya Ortiz", "email": "maya.ortiz@example.com"}
    assert (data["approvalStatus"], data["type"], data["flowId"]) == ("APPROVED", "VISITOR", "200001")
    assert updated.json()["data"]["expectedArrivalAt"] == "2026-03-03T09:00:00Z"
    assert client.get(path).json()["data"] == updated.json()["data"] == sandbox.invites()[0]
    assert [client.delete(path).status_code for _ in range(2)] == [200, 404]
    assert sandbox.invites() == []


@pytest.mark.parametrize("method", ["PUT", "PATCH"])
def test_an_update_is_a_post(client: httpx.Client, method: str) -> None:
    """Other verbs on an invite answer 405 and name those that are allowed."""
    made = create(client).json()["data"]["id"]
    response = client.request(method, f"/v1/invites/{made}", json={"invite": {}})

    assert response.status_code == 405
    assert response.headers["allow"] == "DELETE, GET, POST"


@pytest.mark.parametrize(
    ("request_", "status"),
    [
        ({"content": b"{", "headers": {"Content-Type": "application/json"}}, 400),
        ({"json": {"invite": {}}}, 400),
        ({"json": {"invite": {**INVITE, "locationId": "1"}}}, 404),
        ({"json": {"invite": {**INVITE, "flowId": "200004"}}}, 422),
        ({"data": {"invite": "x"}}, 415),
    ],
)
def test_a_bad_create_is_refused_and_leaves_nothing(
    sandbox: Sandbox, client: httpx.Client, request_: dict[str, Any], status: int
) -> None:
    """Each kind of mistake has its status and a message, and no invite is held."""
    response = client.post("/v1/invites", **request_)

    assert response.status_code == status
    assert response.json()["message"]
    assert sandbox.invites() == []


@pytest.mark.parametrize(
    ("scopes", "statuses"),
    [
        (("invites.write",), [201, 403, 403]),
        (("invites.read",), [403, 200, 403]),
        (("locations.read", "employees.read"), [403, 403, 200]),
    ],
)
def test_a_scope_opens_its_resource_only(
    sandbox: Sandbox, scopes: tuple[str, ...], statuses: list[int]
) -> None:
    """Without the scope a call answers 403 with a message."""
    with authorised(sandbox, scopes=scopes) as client:
        answers = [create(client), client.get("/v1/invites"), client.get("/v1/employees")]

    assert [answer.status_code for answer in answers] == statuses
    assert all("message" in answer.json() for answer in answers if answer.status_code == 403)


def test_without_a_token_nothing_is_shown(sandbox: Sandbox) -> None:
    """No header, another scheme and an unknown token answer 401."""
    tries: list[dict[str, str]] = [{}, {"Authorization": "Basic eDp5"}, {"Authorization": "Bearer x"}]

    answers = [httpx.get(f"{sandbox.url}/v1/locations", headers=headers) for headers in tries]

    assert [answer.status_code for answer in answers] == [401, 401, 401]


def test_a_company_sees_its_own_only(sandbox: Sandbox, client: httpx.Client) -> None:
    """Another company's locations and invites do not exist for a token."""
    made = create(client).json()["data"]["id"]
    with authorised(sandbox, company_id="10001") as other:
        assert other.get(f"/v1/invites/{made}").status_code == 404
        assert other.get("/v1/invites").json()["data"] == []
        assert create(other).status_code == 404
        assert {one["companyId"] for one in other.get("/v1/locations").json()["data"]} == {"10001"}


def test_locations_come_in_pages_of_at_most_a_hundred(sandbox: Sandbox, client: httpx.Client) -> None:
    """All 130 are found on two pages, the disabled ones with their mark; a longer page is refused."""
    added = [sandbox.add_location(f"Site {number}")["id"] for number in range(126)]
    sandbox.disable_location(added[0])
    pages = [client.get("/v1/locations", params={"page": page}).json() for page in (1, 2, 3)]

    assert [len(page["data"]) for page in pages] == [100, 30, 0]
    assert pages[0]["meta"] == {"page": 1, "perPage": 100, "total": 130}
    enabled = client.get("/v1/locations", params={"enabled": "false"}).json()["data"]
    assert [one["id"] for one in enabled] == ["100004", added[0]]
    assert client.get("/v1/locations", params={"perPage": 101}).status_code == 400
    assert client.get(f"/v1/locations/{added[0]}").json()["data"]["name"] == "Site 0"
    assert client.get("/v1/locations/1").status_code == 404


def test_flows_and_employees_can_be_added_and_found(sandbox: Sandbox, client: httpx.Client) -> None:
    """What a test adds is listed, found by filter, and takes part in the checks."""
    flow = sandbox.add_flow("Audit", location_id="100002", needs_approval=True)
    host = sandbox.add_employee("Test Host", "host@example.com", location_ids=["100002"])
    found = client.get("/v1/flows", params={"locationIds": "100002", "name": "aud"}).json()["data"]
    people = client.get("/v1/employees", params={"email": "HOST@"}).json()["data"]
    place = {"locationId": "100002", "flowId": flow["id"], "hostEmployeeId": host["id"]}

    assert [one["id"] for one in found] == [flow["id"]]
    assert [one["id"] for one in people] == [host["id"]]
    assert create(client, **place).json()["data"]["approvalStatus"] == "PENDING"


def test_the_probe_for_a_lost_create_finds_it(client: httpx.Client) -> None:
    """Location, e-mail and a minute around the arrival select the one invite in question."""
    create(client, expectedArrivalAt="2026-03-02T17:00:00Z")
    made = create(client).json()["data"]["id"]
    query = {
        "locationIds": "100001",
        "inviteeEmail": "visitor@example.com",
        "expectedArrivalAtAfter": "2026-03-02T14:59:00Z",
        "expectedArrivalAtBefore": "2026-03-02T15:01:00Z",
        "sort": "CREATED_AT",
        "order": "DESC",
        "perPage": "100",
    }

    assert [one["id"] for one in client.get("/v1/invites", params=query).json()["data"]] == [made]


def test_the_ledger_knows_every_write_and_counts_duplicates(client: httpx.Client) -> None:
    """Two equal creates are one group of two; updates, removes and refused tries have their entries."""
    made = create(client, "r-1").json()["data"]["id"]
    create(client, "r-2")
    create(client, "r-3", invitee={"name": "Other"})
    create(client, "r-4", locationId="1")
    client.post(f"/v1/invites/{made}", json={"invite": {"notes": "x"}})
    client.delete(f"/v1/invites/{made}")
    ledger = client.get("/sandbox/ledger").json()

    assert [entry["request_id"] for entry in ledger["creates"]] == ["r-1", "r-2", "r-3"]
    assert ledger["creates"][0]["invite_id"] == made
    assert [(group["name"], group["count"]) for group in ledger["duplicates"]] == [("Test Visitor", 2)]
    assert [entry["invite_id"] for entry in ledger["updates"] + ledger["removes"]] == [made, made]
    assert [(entry["request_id"], entry["outcome"]) for entry in ledger["attempts"]][3] == ("r-4", "404")
    assert ledger["by_route"]["POST /v1/invites"] == {"201": 3, "404": 1}
    assert ledger["requests"] == 6


def test_the_page_shows_the_visits_and_escapes_them(client: httpx.Client) -> None:
    """An empty sandbox says so; a visit shows with its place and host, and markup shows as text."""
    empty = client.get("/")
    create(client, invitee={"name": "<script>alert(1)</script>"})
    page = client.get("/")

    assert "No visits yet" in empty.text
    assert "40000001" in page.text
    assert "San Francisco HQ" in page.text
    assert "Maya Ortiz" in page.text
    assert "&lt;script&gt;" in page.text
    assert "<script>" not in page.text
    assert client.get("/sandbox/style.css").headers["content-type"].startswith("text/css")


def test_an_address_that_does_not_exist_is_a_404(client: httpx.Client) -> None:
    """Unknown resources and unknown pages are told apart from wrong verbs."""
    assert client.get("/v1/badges").status_code == 404
    assert client.get("/nowhere").status_code == 404
    assert client.post("/v1/locations", json={}).status_code == 405
