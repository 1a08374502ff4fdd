"""Refreshing: when it happens, how often, and what is stored."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.worker_with_token_endpoint import START, WorkerWithTokenEndpoint
from worker.connections.states import ConnectionStatus
from worker.connections.tokens.access import Tokens
from worker.connections.vault import Vault, new_key
from worker.database import Database
from worker.errors import NeedsAuthorisation, SettingsError, TryLater


def test_a_fresh_token_is_given_without_a_request(worker: WorkerWithTokenEndpoint) -> None:
    """Far from its end, the stored token is simply handed out."""
    number = worker.connect()

    token = worker.tokens().access(number)

    assert token.value == "access-10000-000001"
    assert (token.version, token.issued_at) == (1, START)
    assert worker.endpoint.posted == []


def test_a_token_near_its_end_is_replaced_and_stored_before_it_is_given(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """Ahead of its end, the token is refreshed once; the new pair is there for everybody at once."""
    number = worker.connect()
    worker.clock.advance(3000)

    token = worker.tokens().access(number)
    elsewhere = Database(worker.url, clock=worker.clock)

    assert token.value == "access-10000-000002"
    assert worker.endpoint.posted == ["refresh-10000-000001"]
    assert worker.stored_refresh_token() == "refresh-10000-000002"
    other = Tokens(elsewhere, worker.vault, worker.oauth, owner="other/1/1", clock=worker.clock)
    assert other.access(number) == token
    elsewhere.dispose()


def test_a_refresh_is_told_without_the_tokens(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """One INFO event names the connection, and nothing of the pair."""
    number = sqlite_worker.connect()
    sqlite_worker.clock.advance(3000)

    with capture_logs() as events:
        sqlite_worker.tokens().access(number)

    assert events == [{"event": "token.refreshed", "log_level": "info", "connection": "acme"}]


def test_ten_threads_with_one_dead_token_make_one_refresh(worker: WorkerWithTokenEndpoint) -> None:
    """All threads of a process wait for the one that refreshes, and take its token."""
    number = worker.connect()
    worker.clock.advance(4000)
    tokens = worker.tokens()

    with ThreadPoolExecutor(10) as pool:
        given = list(pool.map(lambda _: tokens.access(number).value, range(10)))

    assert set(given) == {"access-10000-000002"}
    assert len(worker.endpoint.posted) == 1


def test_ten_processes_worth_of_refreshers_make_one_refresh(worker: WorkerWithTokenEndpoint) -> None:
    """Refreshers that share nothing but the database take turns by the lease in the row."""
    number = worker.connect()
    worker.clock.advance(4000)
    refreshers = [worker.tokens(f"host/{index}/1") for index in range(10)]

    with ThreadPoolExecutor(10) as pool:
        given = list(pool.map(lambda tokens: tokens.access(number).value, refreshers))

    assert set(given) == {"access-10000-000002"}
    assert len(worker.endpoint.posted) == 1


def test_a_refused_token_is_refreshed_once_for_all_who_were_refused(worker: WorkerWithTokenEndpoint) -> None:
    """After a 401 the first caller refreshes; anyone who was refused with the same token gets the new one."""
    number = worker.connect()
    tokens = worker.tokens()

    first = tokens.access(number, rejected_version=1)
    second = worker.tokens("host/other/2").access(number, rejected_version=1)

    assert (first.version, second.version) == (2, 2)
    assert len(worker.endpoint.posted) == 1


def test_the_refresh_token_comes_from_the_row_every_time(worker: WorkerWithTokenEndpoint) -> None:
    """What another process has rotated in between is what is posted."""
    number = worker.connect()
    ours, theirs = worker.tokens("host/1/1"), worker.tokens("host/2/2")

    ours.access(number, rejected_version=1)
    theirs.access(number, rejected_version=2)
    ours.access(number, rejected_version=3)

    assert worker.endpoint.posted == [f"refresh-10000-00000{index}" for index in (1, 2, 3)]
    assert worker.endpoint.reused == 0


def test_a_connection_without_grant_names_the_command_that_mends_it(worker: WorkerWithTokenEndpoint) -> None:
    """Removed, unknown or never authorised: NeedsAuthorisation, and no request."""
    number = worker.connect()
    worker.change(status=ConnectionStatus.NEEDS_AUTHORISATION, status_reason="revoked_or_expired")

    with pytest.raises(NeedsAuthorisation, match="acme: no usable grant") as caught:
        worker.tokens().access(number)
    with pytest.raises(NeedsAuthorisation):
        worker.tokens().access(number + 99)

    assert "envoy-worker connect acme" in caught.value.hint
    assert worker.endpoint.posted == []


def test_a_wrong_key_is_never_read_as_no_token(worker: WorkerWithTokenEndpoint) -> None:
    """A key that does not fit is a mistake of settings; the grant is not touched."""
    number = worker.connect()
    before = worker.row()
    worker.vault = Vault(new_key())

    with pytest.raises(SettingsError, match="WORKER_ENCRYPTION_KEYS"):
        worker.tokens().access(number, rejected_version=1)

    assert worker.row() == before
    assert worker.endpoint.posted == []


def test_once_the_worker_stops_no_refresh_is_begun(worker: WorkerWithTokenEndpoint) -> None:
    """While stopping, a valid token still serves; for a new one it is too late."""
    number = worker.connect()
    stop = threading.Event()
    stop.set()
    tokens = worker.tokens(stop=stop)

    worker.clock.advance(3200)
    assert tokens.access(number).version == 1
    worker.clock.advance(3600)
    with pytest.raises(TryLater, match="stopping"):
        tokens.access(number)

    assert worker.endpoint.posted == []


def test_a_refresh_in_flight_is_stored_although_the_worker_stops(worker: WorkerWithTokenEndpoint) -> None:
    """The answer that comes after SIGTERM is saved like any other."""
    number = worker.connect()
    stop = threading.Event()
    worker.once(stop.set)

    token = worker.tokens(stop=stop).access(number, rejected_version=1)

    assert token.version == 2
    assert worker.stored_refresh_token() == "refresh-10000-000002"


def test_a_lease_shorter_than_a_refresh_is_refused(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """A lease that could end under a request in flight protects nothing."""
    with pytest.raises(ValueError, match="lease"):
        Tokens(sqlite_worker.database, sqlite_worker.vault, sqlite_worker.oauth, owner="x", lease_seconds=30)
