"""The API's verbs against the sandbox, over real sockets."""

import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import pytest

from worker.envoy.api import EnvoyApi
from worker.envoy.http.client import HttpClient
from worker.errors import (
    EnvoyError,
    Forbidden,
    NotFound,
    OutcomeUnknown,
    Refused,
    RouteLost,
    Throttled,
    Unauthorised,
)
from worker.sandbox import Faults, Sandbox

ARRIVAL = datetime(2030, 3, 2, 15, 0, 0, tzinfo=UTC)
EMAIL = "visitor@example.com"
BODY: dict[str, object] = {
    "expectedArrivalAt": "2030-03-02T15:00:00Z",
    "locationId": "100001",
    "invitee": {"name": "Test Visitor", "email": EMAIL},
    "sendEmailToInvitee": False,
}


class NoPause(threading.Event):
    """A stop event on which no time passes."""

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 -- the library's name
        """Return at once."""
        return self.is_set()


class Repair(threading.Event):
    """A stop event on which no time passes: anyone who waits on it finds the sandbox running again."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self._sandbox = sandbox

    def wait(self, timeout: float | None = None) -> bool:  # noqa: ARG002 -- the library's name
        """Start the sandbox."""
        self._sandbox.start()
        return False


class Clock:
    """A clock that is turned by hand."""

    now = 1000.0

    def __call__(self) -> float:
        """Return the time that it shows."""
        return self.now


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Serve a sandbox."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def api(sandbox: Sandbox) -> Iterator[EnvoyApi]:
    """Give the API at the sandbox."""
    with HttpClient(max_connections=4, user_agent="test/1") as http:
        yield EnvoyApi(http, sandbox.api_url + "/", request_timeout_seconds=2, stop=NoPause())


@pytest.fixture
def token(sandbox: Sandbox) -> str:
    """Give an access token with all scopes."""
    return str(sandbox.grant()["access_token"])


def create_failure(api: EnvoyApi, token: str, **changes: object) -> EnvoyError:
    """Return the error that a create ends with."""
    with pytest.raises(EnvoyError) as caught:
        api.create_invite(token, {**BODY, **changes}, request_id="r-1")
    return caught.value


def posts(sandbox: Sandbox) -> int:
    """Return how many creates reached the sandbox."""
    return sum(sandbox.ledger()["by_route"].get("POST /v1/invites", {}).values())


@pytest.mark.parametrize("idle", [3.1, 0.0], ids=["idle", "in use"])
def test_a_create_does_not_meet_the_end_of_an_idle_connection(
    sandbox: Sandbox, token: str, idle: float
) -> None:
    """A server that closes what was idle loses no create; one that is closed in use leaves it in doubt."""
    clock = Clock()
    with HttpClient(max_connections=1, user_agent="test/1", clock=clock) as http:
        api = EnvoyApi(http, sandbox.api_url, request_timeout_seconds=2, stop=NoPause())
        api.locations(token)
        sandbox.set_faults(Faults(idle_close_seconds=1e-9))
        clock.now += idle
        error = None
        try:
            api.create_invite(token, BODY, request_id="r-1")
        except OutcomeUnknown as lost:
            error = lost.error_code

    assert (error, posts(sandbox)) == ((None, 1) if idle else ("connection_lost", 0))


def test_all_locations_are_read_over_pages(api: EnvoyApi, sandbox: Sandbox, token: str) -> None:
    """Disabled ones too, for a name may be the name of a closed site."""
    for number in range(200):
        sandbox.add_location(f"Site {number}")

    found = api.locations(token)

    assert len(found) == 204
    by_name = {location.name: location for location in found}
    assert (by_name["Berlin"].timezone, by_name["Old Warehouse"].enabled) == ("Europe/Berlin", False)


def test_all_flows_are_read(api: EnvoyApi, token: str) -> None:
    """Those of one location, the global one, and the disabled one."""
    flows = api.flows(token)

    assert {flow.name for flow in flows if flow.location_id is None} == {"Delivery"}
    assert {flow.name for flow in flows if not flow.enabled} == {"Event"}
    assert {flow.type for flow in flows} == {"VISITOR"}


def test_employees_are_found_by_a_part_of_the_address(api: EnvoyApi, sandbox: Sandbox, token: str) -> None:
    """As Envoy's filter does it: who is meant has to be compared."""
    sandbox.add_employee("Eve Lang", "eve.lang@example.com", location_ids=["100001"])
    sandbox.add_employee("Steve Lang", "steve.lang@example.com", location_ids=["100002"])

    found = api.employees(token, email="Eve.Lang@Example.com")

    assert [(one.name, one.location_ids) for one in found] == [
        ("Eve Lang", ("100001",)),
        ("Steve Lang", ("100002",)),
    ]


def test_an_employee_is_read_by_id(api: EnvoyApi, sandbox: Sandbox, token: str) -> None:
    """One that is not there is None, and what can be no id leads to no other address."""
    eve = sandbox.add_employee("Eve Lang", "eve.lang@example.com", location_ids=["100001"])

    found = api.employee(token, eve["id"])

    assert found is not None
    assert (found.name, found.location_ids) == ("Eve Lang", ("100001",))
    assert [api.employee(token, wrong) for wrong in ("1", "..", "a/b", " ")] == [None] * 4
    assert sandbox.ledger()["by_route"]["GET /v1/employees/{id}"] == {"200": 1, "404": 1}


def test_an_invite_is_created_changed_found_and_removed(api: EnvoyApi, sandbox: Sandbox, token: str) -> None:
    """The whole life of an invite in Envoy."""
    created = api.create_invite(token, BODY, request_id="r-1")
    made = created.invite
    assert made is not None
    changed = api.update_invite(
        token, made.id, {"expectedArrivalAt": "2030-03-02T16:00:00Z"}, request_id="r-2"
    )
    hour = timedelta(hours=1)
    listing = api.find_invites(
        token, location_id="100001", arrival_after=ARRIVAL, arrival_before=ARRIVAL + 2 * hour
    )
    (found,) = listing.invites
    removed = api.remove_invite(token, made.id, request_id="r-3")

    assert [answer.http_status for answer in (created, changed, removed)] == [201, 200, 200]
    assert (made.approval_status, made.expected_arrival_at) == ("APPROVED", ARRIVAL)
    assert (found.id, found.expected_arrival_at, found.email) == (
        made.id,
        ARRIVAL + hour,
        EMAIL,
    )
    assert listing.server_time is not None
    ledger = sandbox.ledger()
    written = [ledger[kind][0]["request_id"] for kind in ("creates", "updates", "removes")]
    assert (written, sandbox.invites()) == (["r-1", "r-2", "r-3"], [])


def test_the_removal_of_what_is_gone_is_not_found(api: EnvoyApi, token: str) -> None:
    """Whether it was Envoy who said so is for the caller to find out."""
    made = api.create_invite(token, BODY, request_id="r-1").invite
    assert made is not None

    assert api.has_invite(token, made.id)
    assert api.remove_invite(token, made.id, request_id="r-2").http_status == 200
    assert not api.has_invite(token, made.id)
    with pytest.raises(NotFound):
        api.remove_invite(token, made.id, request_id="r-3")


@pytest.mark.parametrize("form", ["html", "json"])
@pytest.mark.parametrize("status", [404, 405, 406, 410, 415])
def test_a_list_that_is_not_there_is_no_answer_of_envoys(
    api: EnvoyApi, sandbox: Sandbox, token: str, form: str, status: int
) -> None:
    """Whatever form it has: something before Envoy has lost the route."""
    sandbox.set_faults(Faults(lost=form, lost_status=status))

    for read in (api.probe, api.locations, api.flows, api.can_read_invites):
        with pytest.raises(RouteLost) as lost:
            read(token)
        assert lost.value.http_status == status
        assert "api_url" in lost.value.hint


def test_a_change_of_an_invite_that_is_gone_is_not_found(api: EnvoyApi, token: str) -> None:
    """The caller must know that there is nothing to change."""
    with pytest.raises(NotFound):
        api.update_invite(token, "40999999", {"notes": "x"}, request_id="r-1")


def test_the_right_to_read_invites_is_found_out(api: EnvoyApi, sandbox: Sandbox, token: str) -> None:
    """No token answer tells the scopes."""
    writer = sandbox.grant(scopes=("locations.read", "invites.write"))["access_token"]

    assert (api.can_read_invites(token), api.can_read_invites(writer)) == (True, False)


def test_a_probe_tells_a_good_token_from_a_bad_one(api: EnvoyApi, token: str) -> None:
    """The cheapest read there is."""
    api.probe(token)

    with pytest.raises(Unauthorised):
        api.probe("no-such-token")


def test_a_token_that_lacks_a_scope_is_forbidden(api: EnvoyApi, sandbox: Sandbox) -> None:
    """A new token would not help."""
    reader = sandbox.grant(scopes=("locations.read",))["access_token"]

    assert type(create_failure(api, reader)) is Forbidden


@pytest.mark.parametrize(
    ("changes", "kind", "status"),
    [
        ({"locationId": "999"}, NotFound, 404),
        ({"expectedArrivalAt": "tomorrow"}, Refused, 400),
        ({"flowId": "200001", "locationId": "100002"}, Refused, 422),
    ],
)
def test_a_bad_invite_is_refused_for_good(
    api: EnvoyApi, token: str, changes: dict[str, object], kind: type[EnvoyError], status: int
) -> None:
    """And asked for once."""
    error = create_failure(api, token, **changes)

    assert (type(error), error.http_status) == (kind, status)
    assert str(error).startswith(f"Envoy answered {status}: ")


@pytest.mark.parametrize(
    ("faults", "kind", "code"),
    [
        (Faults(error_429_share=1, retry_after="30"), Throttled, "rate_limited"),
        (Faults(error_500_share=1), OutcomeUnknown, "http_500"),
        (Faults(commit_then_500_share=1), OutcomeUnknown, "http_500"),
        (Faults(drop_before_share=1), OutcomeUnknown, "connection_lost"),
        (Faults(drop_after_share=1), OutcomeUnknown, "connection_lost"),
        (Faults(truncate_share=1), OutcomeUnknown, "connection_lost"),
        (Faults(garbage_share=1), OutcomeUnknown, "bad_answer"),
        (Faults(html_200=True), OutcomeUnknown, "bad_answer"),
        (Faults(no_id_share=1), OutcomeUnknown, "no_id"),
        (Faults(outage="503"), OutcomeUnknown, "http_503"),
        (Faults(outage="drop"), OutcomeUnknown, "connection_lost"),
        (Faults(slow_body_seconds=9), OutcomeUnknown, "timeout"),
        (Faults(latency_seconds=9), OutcomeUnknown, "timeout"),
    ],
)
def test_a_create_meets_each_fault_once(
    api: EnvoyApi, sandbox: Sandbox, token: str, faults: Faults, kind: type[EnvoyError], code: str
) -> None:
    """A POST that was sent is never repeated in here, whatever became of it."""
    sandbox.set_faults(faults)

    error = create_failure(api, token)

    assert (type(error), error.error_code) == (kind, code)
    assert posts(sandbox) <= 1
    assert error.retry_after == (30.0 if kind is Throttled else None)


def test_a_create_that_found_nobody_is_sent_once_somebody_listens(sandbox: Sandbox, token: str) -> None:
    """The last question is asked when there is a connection, not before."""
    asked: list[int] = []
    sandbox.stop()
    with HttpClient(max_connections=1, user_agent="test/1") as http:
        api = EnvoyApi(http, sandbox.api_url, request_timeout_seconds=2, stop=Repair(sandbox))
        api.create_invite(token, BODY, request_id="r-1", before_write=lambda: asked.append(posts(sandbox)))

    assert (asked, posts(sandbox)) == ([0], 1)


@pytest.mark.parametrize("faults", [Faults(outage="503"), Faults(html_200=True), Faults(outage="drop")])
def test_a_read_is_tried_three_times(api: EnvoyApi, sandbox: Sandbox, token: str, faults: Faults) -> None:
    """Reading does no harm, so passing trouble is not the operator's."""
    sandbox.set_faults(faults)

    with pytest.raises(OutcomeUnknown):
        api.probe(token)

    assert sandbox.ledger()["requests"] == 3


def test_a_token_that_cannot_stand_in_a_header_is_not_sent(api: EnvoyApi, sandbox: Sandbox) -> None:
    """It is as good as not accepted, and a refresh repairs it."""
    with pytest.raises(Unauthorised) as caught:
        api.probe("a\r\nX-Evil: 1")

    assert (caught.value.error_code, sandbox.ledger()["requests"]) == ("bad_token", 0)
