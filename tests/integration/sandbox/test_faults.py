"""Each fault of the sandbox once, over a real socket."""

import threading
import time
from collections.abc import Callable, Iterator
from email.utils import parsedate_to_datetime
from typing import Any

import httpx
import pytest

from worker.sandbox import Faults, Sandbox

INVITE: dict[str, Any] = {
    "expectedArrivalAt": "2026-03-02T15:00:00Z",
    "locationId": "100001",
    "invitee": {"name": "Test Visitor"},
    "sendEmailToInvitee": False,
}
LATENCY_SECONDS = 60.0  # of a request that nobody is to wait for


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Serve a sandbox."""
    with Sandbox() as running:
        yield running


@pytest.fixture
def client(sandbox: Sandbox) -> Iterator[httpx.Client]:
    """Open a client with all scopes."""
    bearer = {"Authorization": f"Bearer {sandbox.grant()['access_token']}"}
    with httpx.Client(base_url=sandbox.url, headers=bearer) as made:
        yield made


def create(client: httpx.Client) -> httpx.Response:
    """Post the sample invite."""
    return client.post("/v1/invites", json={"invite": INVITE})


@pytest.mark.parametrize(
    ("faults", "status", "held"),
    [
        (Faults(error_429_share=1), 429, 0),
        (Faults(error_500_share=1), 500, 0),
        (Faults(commit_then_500_share=1), 500, 1),
        (Faults(garbage_share=1), 200, 1),
        (Faults(no_id_share=1), 201, 1),
        (Faults(html_200=True), 200, 0),
        (Faults(outage="503"), 503, 0),
        (Faults(lost="html"), 404, 0),
        (Faults(lost="json", lost_status=410, lost_only="DELETE /v1/, POST /v1/invites$"), 410, 0),
        (Faults(refuse_status=422, refuse_companies="10001, 10000"), 422, 0),
    ],
)
def test_a_wrong_answer_comes_before_or_after_the_commit(
    sandbox: Sandbox, client: httpx.Client, faults: Faults, status: int, held: int
) -> None:
    """No faulty answer carries an id, and only the ledger knows whether the invite was made."""
    sandbox.set_faults(faults)
    response = create(client)

    assert response.status_code == status
    assert '"id"' not in response.text
    assert len(sandbox.ledger()["creates"]) == held


@pytest.mark.parametrize(
    ("faults", "held"),
    [
        (Faults(drop_before_share=1), 0),
        (Faults(drop_after_share=1), 1),
        (Faults(truncate_share=1), 1),
        (Faults(outage="drop"), 0),
    ],
)
def test_a_lost_answer_comes_before_or_after_the_commit(
    sandbox: Sandbox, client: httpx.Client, faults: Faults, held: int
) -> None:
    """The connection ends without a whole answer; the ledger counts what was made and what was seen."""
    sandbox.set_faults(faults)
    with pytest.raises(httpx.RemoteProtocolError):
        create(client)

    assert len(sandbox.ledger()["creates"]) == held
    assert len(sandbox.ledger()["attempts"]) == 1


@pytest.mark.parametrize(
    ("empty", "of", "refused"),
    [
        ({"notes": None}, (), True),
        ({"customFields": []}, (), True),
        ({"invitee": {"name": "Ann", "email": None}}, ("invitee.email",), True),
        ({"notes": None}, ("hostEmployeeId",), False),
        ({"notes": "a"}, (), False),
    ],
)
def test_an_update_that_empties_a_field_is_refused(
    sandbox: Sandbox, client: httpx.Client, empty: dict[str, Any], of: tuple[str, ...], refused: bool
) -> None:
    """Whichever field it is, or those chosen; what is refused changes nothing."""
    invite_id = create(client).json()["data"]["id"]
    sandbox.set_faults(Faults(refuse_nulls=400, refuse_nulls_of=of))

    response = client.post(f"/v1/invites/{invite_id}", json={"invite": empty})

    assert response.status_code == (400 if refused else 200)
    assert len(sandbox.ledger()["updates"]) == (not refused)


def test_the_ledger_counts_the_mails_that_go_out(sandbox: Sandbox, client: httpx.Client) -> None:
    """Of creates and of updates that were carried out; one that does not say keeps what the invite has."""
    invite_id = create(client).json()["data"]["id"]
    for body in ({"notes": "a"}, {"sendEmailToInvitee": True}, {"notes": "b"}, {"sendEmailToInvitee": False}):
        client.post(f"/v1/invites/{invite_id}", json={"invite": body})
    client.post("/v1/invites", json={"invite": INVITE | {"sendEmailToInvitee": True}})

    assert len(sandbox.ledger()["mails"]) == 3


@pytest.mark.parametrize(
    ("faults", "least"),
    [
        (Faults(latency_seconds=0.2), 0.2),
        (Faults(slow_body_seconds=0.2), 0.2),
    ],
)
def test_a_slow_answer_is_complete(
    sandbox: Sandbox, client: httpx.Client, faults: Faults, least: float
) -> None:
    """Latency and a dripping body delay the answer and spoil nothing."""
    sandbox.set_faults(faults)
    begin = time.monotonic()
    response = create(client)

    assert time.monotonic() - begin >= least * 0.95
    assert response.json()["data"]["id"] == "40000001"


def test_requests_wait_side_by_side(sandbox: Sandbox, client: httpx.Client) -> None:
    """Latency holds a request's own thread only: while one waits, others come in."""
    sandbox.set_faults(Faults(latency_seconds=0.3))
    threads = [threading.Thread(target=create, args=(client,)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sandbox.ledger()["most_in_flight"] > 1
    assert len(sandbox.invites()) == 8


def test_the_rate_limit_answers_429_with_the_forms_of_retry_after(
    sandbox: Sandbox, client: httpx.Client
) -> None:
    """Beyond the rate each form of the header comes in its turn, and nothing is made."""
    sandbox.set_faults(Faults(rate_limit_per_second=0.01, retry_after=("2", "date:30", None)))
    answers = [client.get("/v1/locations") for _ in range(4)]

    assert [answer.status_code for answer in answers] == [200, 429, 429, 429]
    assert answers[1].headers["retry-after"] == "2"
    ahead = parsedate_to_datetime(answers[2].headers["retry-after"]).timestamp() - time.time()
    assert 20 < ahead <= 30
    assert "retry-after" not in answers[3].headers
    assert sandbox.ledger()["throttled"] == 3


def test_a_create_is_not_listed_before_the_lag_is_over(sandbox: Sandbox, client: httpx.Client) -> None:
    """A look-up right after a create finds nothing; without the lag it does."""
    sandbox.set_faults(Faults(read_lag_seconds=60))
    create(client)

    assert client.get("/v1/invites").json()["data"] == []
    sandbox.set_faults(Faults())
    assert len(client.get("/v1/invites").json()["data"]) == 1


def test_faults_are_set_over_http_even_in_an_outage(sandbox: Sandbox, client: httpx.Client) -> None:
    """The control address answers while everything else is down, and a bad key changes nothing."""
    assert client.post("/sandbox/faults", json={"outage": "503"}).json()["outage"] == "503"
    assert client.get("/v1/locations").status_code == 503
    assert client.post("/sandbox/faults", json={"outtage": ""}).status_code == 400
    assert sandbox.faults == Faults(outage="503")
    client.post("/sandbox/faults", content=b"{}")

    assert client.get("/v1/locations").status_code == 200
    assert client.get("/sandbox/faults").json()["outage"] == ""


def test_stopping_loses_the_answers_under_way_at_once(sandbox: Sandbox, client: httpx.Client) -> None:
    """A request that waits ends without an answer and without an invite, long before its latency.

    Only time shows that: half of the latency is far more than a stop ever takes.
    """
    sandbox.set_faults(Faults(latency_seconds=LATENCY_SECONDS))
    failed: list[type[Exception]] = []
    thread = threading.Thread(target=lambda: failed.append(_failure(lambda: create(client))))
    thread.start()
    wait_until(lambda: sandbox.ledger()["in_flight"] == 1)
    begin = time.monotonic()
    sandbox.stop()
    thread.join()

    assert time.monotonic() - begin < LATENCY_SECONDS / 2
    assert sandbox.ledger()["attempts"][0]["outcome"] == "dropped"
    assert issubclass(failed[0], httpx.TransportError)
    assert sandbox.invites() == []


def test_a_restart_keeps_the_address_and_the_state(sandbox: Sandbox, client: httpx.Client) -> None:
    """Idle connections do not delay the stop, the port refuses, and later token and invite are there."""
    create(client)
    url = sandbox.url
    sandbox.stop()  # which would never end if it waited for the client's connection
    with pytest.raises(httpx.TransportError):
        create(client)
    sandbox.start()

    assert sandbox.url == url
    assert len(client.get("/v1/invites").json()["data"]) == 1


def wait_until(holds: Callable[[], bool]) -> None:
    """Return once a condition holds; fail when it does not within ten seconds."""
    deadline = time.monotonic() + 10
    while not holds():
        assert time.monotonic() < deadline
        time.sleep(0.005)


def _failure(call: Callable[[], object]) -> type[Exception]:
    with pytest.raises(httpx.TransportError) as raised:
        call()
    return type(raised.value)
