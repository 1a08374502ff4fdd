"""The stand-in of the measurements keeps a true ledger, and anyone who measures compares it."""

import socket
import time
from collections.abc import Iterator
from urllib.parse import urlsplit

import httpx
import pytest

from bench import answers
from bench.databases import Databases
from bench.ground import Ground
from bench.stand_in import StandIn, stand_in

CREATE = (
    b"POST /v1/invites HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer access-7-0\r\nX-Request-Id: %b\r\n"
    b"Content-Length: %d\r\n\r\n%b"
)
BODY = b'{"invite":{"invitee":{"email":"%b"}}}'


@pytest.fixture(scope="module")
def place() -> Iterator[StandIn]:
    """Give a stand-in."""
    with stand_in() as running:
        yield running


@pytest.fixture
def ground(place: StandIn) -> Iterator[Ground]:
    """Give a ground with one customer who has one invite."""
    place.order()
    place.forget()
    with Databases() as databases:
        made = Ground(databases, "sqlite", place)
        made.connect(["acme"])
        made.add(1)
        yield made
        made.engine.dispose()


def create(ground: Ground, request_id: str = "one") -> httpx.Response:
    """Create the ground's invite, as the worker would."""
    (company, email), *_ = ground.rows(
        "SELECT c.company_id, i.invitee_email FROM connection AS c JOIN invite AS i ON i.connection = c.name"
    )
    return httpx.post(
        f"{ground.place.url}/v1/invites",
        json={"invite": {"invitee": {"email": email}}},
        headers={
            "Authorization": f"Bearer {answers.tokens(company, 0)['access_token']}",
            "X-Request-Id": request_id,
        },
    )


def test_requests_are_understood_however_they_are_cut(place: StandIn) -> None:
    """Bytes come in any pieces, several requests in one of them, and each create is in the ledger once."""
    place.forget()
    requests = b"".join(
        CREATE % (b"id-%d" % number, len(body), body)
        for number in range(3)
        for body in [BODY % (b"v%d@example.com" % number)]
    )
    where = urlsplit(place.url)
    began = time.monotonic()
    with socket.create_connection((where.hostname, where.port)) as peer:
        for start in range(0, len(requests), 50):
            peer.sendall(requests[start : start + 50])
        heard = b""
        while heard.count(b"HTTP/1.1 200 OK") < 3 or not heard.endswith(b"}"):
            heard += peer.recv(65536)

    creates = place.ledger().creates

    assert [(one.email, one.request_id, one.company) for one in creates] == [
        (f"v{number}@example.com", f"id-{number}", "7") for number in range(3)
    ]
    assert began <= creates[0].moment <= creates[1].moment <= creates[2].moment <= time.monotonic()


def test_a_push_is_found_to_be_right(ground: Ground) -> None:
    """What the worker stores as sent is what the ledger has."""
    ground.push()

    assert ground.check() == 1


def test_an_invite_that_was_sent_twice_is_found(ground: Ground) -> None:
    """Two creates of one invite end a measurement."""
    ground.push()
    create(ground)

    with pytest.raises(SystemExit, match="sent twice"):
        ground.check()


def test_an_invite_that_is_not_stored_as_sent_is_found(ground: Ground) -> None:
    """A create that the database does not know ends a measurement that was to end in order."""
    create(ground)

    with pytest.raises(SystemExit, match="1 were created, 0 are stored as sent"):
        ground.check()
    assert ground.check(whole=False) == 0


def test_a_customer_is_throttled_alone(ground: Ground) -> None:
    """What it was told to do for one company, it does for no other."""
    (company,), *_ = ground.rows("SELECT company_id FROM connection")
    ground.place.order(throttled=["another"])
    assert create(ground).status_code == 200

    ground.place.order(throttled=[company])
    refused = create(ground, "two")

    assert (refused.status_code, refused.headers["Retry-After"]) == (429, "60")
    assert len(ground.place.ledger().creates) == 1


def test_a_token_endpoint_hangs_until_it_is_told_otherwise(place: StandIn) -> None:
    """While it hangs, no refresh is answered; afterwards a refresh token works once."""
    refresh = {"grant_type": "refresh_token", "refresh_token": "refresh-7-0"}
    place.order(hang_tokens=True)
    with pytest.raises(httpx.ReadTimeout):
        httpx.post(place.token_url, data=refresh, timeout=0.2)

    place.order()
    first, second = (httpx.post(place.token_url, data=refresh) for _ in range(2))

    assert first.json()["refresh_token"] == "refresh-7-1"
    assert (second.status_code, second.json()) == (400, {"error": "invalid_grant"})
