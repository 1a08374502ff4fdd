"""Saving a new pair while the database is in trouble: it is kept until it is stored."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from structlog.testing import capture_logs

from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections.tokens.access import AccessToken, Tokens
from worker.connections.tokens.refresh import saving
from worker.database import Database
from worker.errors import WorkerError


class Away:
    """Takes the table away and puts it back, by a connection of its own."""

    def __init__(self, worker: WorkerWithTokenEndpoint) -> None:
        self._database = Database(worker.url)
        self._gone = False

    def go(self) -> None:
        """Make every statement on connections fail from now on."""
        self._rename("connection", "connection_away")
        self._gone = True

    def come_back(self) -> None:
        """End the trouble."""
        if self._gone:
            self._rename("connection_away", "connection")
            self._gone = False

    def close(self) -> None:
        """Close the connection."""
        self._database.dispose()

    def _rename(self, old: str, new: str) -> None:
        with self._database.write() as connection:
            connection.execute(sa.text(f"ALTER TABLE {old} RENAME TO {new}"))


class Hourglass:
    """A time that passes only while it is waited for."""

    def __init__(self) -> None:
        self.waits: list[float] = []

    def __call__(self) -> float:
        """Return the time that it shows."""
        return sum(self.waits)


def pauses(hourglass: Hourglass) -> saving.Pauses:
    """Return pauses that take no time of ours."""
    return saving.Pauses(clock=hourglass, wait=hourglass.waits.append)


@contextmanager
def trouble(worker: WorkerWithTokenEndpoint) -> Iterator[Away]:
    """Give the trouble, and end it whatever happens."""
    away = Away(worker)
    try:
        yield away
    finally:
        away.come_back()
        away.close()


def test_a_database_that_comes_back_in_time_gets_the_pair(worker: WorkerWithTokenEndpoint) -> None:
    """The save is repeated in place; the caller notices nothing but the time."""
    number = worker.connect()
    with trouble(worker) as away:
        worker.once(away.go)
        timer = threading.Timer(1.2, away.come_back)
        timer.start()

        token = worker.tokens().access(number, rejected_version=1)
        timer.join()

    assert token.version == 2
    assert worker.stored_refresh_token() == "refresh-10000-000002"


def test_a_pair_that_could_not_be_stored_is_kept_until_it_can(worker: WorkerWithTokenEndpoint) -> None:
    """While we stop, the save gives up soon; the pair waits in memory and is stored first thing."""
    number = worker.connect()
    stop, hourglass = threading.Event(), Hourglass()
    tokens = worker.tokens(stop=stop, pauses=pauses(hourglass))
    with trouble(worker) as away:
        worker.once(away.go, stop.set)

        with capture_logs() as events, pytest.raises(WorkerError):
            tokens.access(number, rejected_version=1)
        with pytest.raises(WorkerError):
            tokens.access(number)

    assert saving.SAVE_SECONDS_STOPPING < hourglass() <= saving.SAVE_SECONDS_STOPPING + 0.5
    assert worker.row().token_version == 1
    stop.clear()
    read_before = worker.row(), worker.clock()
    found = tokens.at_hand(number, seen=read_before)
    assert isinstance(found, AccessToken)
    assert found.version == 2, "what was read before the pair was stored is not believed"
    assert tokens.access(number).version == 2
    assert worker.stored_refresh_token() == "refresh-10000-000002"
    assert worker.endpoint.posted == ["refresh-10000-000001"]
    assert [event["error_code"] for event in events] == ["token_not_saved"]
    assert "refresh-10000" not in repr(events)
    assert "access-10000" not in repr(events)


def test_a_save_is_tried_for_twenty_seconds_while_nobody_stops(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """A database that is being restarted costs no grant."""
    number = sqlite_worker.connect()
    hourglass = Hourglass()
    with trouble(sqlite_worker) as away:
        sqlite_worker.once(away.go)
        with pytest.raises(WorkerError):
            sqlite_worker.tokens(pauses=pauses(hourglass)).access(number, rejected_version=1)

    assert saving.SAVE_SECONDS < hourglass() <= saving.SAVE_SECONDS + 0.5


def test_a_kept_pair_gives_way_to_a_new_consent(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """What was kept is stored only while the row still has the token that it came from."""
    number = sqlite_worker.connect()
    stop = threading.Event()
    tokens = sqlite_worker.tokens(stop=stop, pauses=pauses(Hourglass()))
    with trouble(sqlite_worker) as away:
        sqlite_worker.once(away.go, stop.set)
        with pytest.raises(WorkerError):
            tokens.access(number, rejected_version=1)

    sqlite_worker.connect()
    newest = sqlite_worker.stored_refresh_token()
    tokens._saver.flush()

    assert tokens.access(number).version == 2
    assert sqlite_worker.stored_refresh_token() == newest


def keep_a_pair(worker: WorkerWithTokenEndpoint, number: int) -> Tokens:
    """Refresh while the database takes nothing, and return the tokens that have the new pair in memory."""
    stop = threading.Event()
    tokens = worker.tokens(stop=stop)
    with trouble(worker) as away:
        worker.once(away.go, stop.set)
        with pytest.raises(WorkerError):
            tokens.access(number, rejected_version=1)
    stop.clear()
    return tokens


def test_a_kept_pair_is_stored_once(worker: WorkerWithTokenEndpoint) -> None:
    """It is told once, and what comes after it is not overwritten by it."""
    tokens = keep_a_pair(worker, worker.connect())

    with capture_logs() as events:
        for _ in range(3):
            tokens._saver.flush()

    assert [event["event"] for event in events] == ["token.refreshed"]
    assert worker.row().token_version == 2


def test_a_kept_pair_is_stored_before_idle_grants_are_looked_for(worker: WorkerWithTokenEndpoint) -> None:
    """The job that keeps tokens fresh finds the newest, and refreshes nothing with a spent one."""
    tokens = keep_a_pair(worker, worker.connect())

    report = tokens.keep_fresh(max_idle=7 * 86_400)

    assert not report.did_something
    assert worker.stored_refresh_token() == "refresh-10000-000002"
    assert worker.endpoint.posted == ["refresh-10000-000001"]


def test_the_end_of_the_old_refresh_token_is_not_the_new_ones(worker: WorkerWithTokenEndpoint) -> None:
    """Where Envoy says nothing of it, nobody knows: an old end would have it refreshed far too often."""
    number = worker.connect()
    assert worker.row().refresh_expires_at is not None
    worker.endpoint.extra = {"refresh_token_expires_in": ...}

    worker.tokens().access(number, rejected_version=1)

    assert worker.row().refresh_expires_at is None


def test_a_refresh_token_that_stays_keeps_its_end(worker: WorkerWithTokenEndpoint) -> None:
    """An answer without a refresh token leaves the stored one, and what is known of it, as it is."""
    number = worker.connect()
    end = worker.row().refresh_expires_at
    worker.endpoint.extra = {"refresh_token": ..., "refresh_token_expires_in": ...}

    worker.tokens().access(number, rejected_version=1)

    assert (worker.row().token_version, worker.row().refresh_expires_at) == (2, end)


def test_saving_fits_into_the_lease_with_all_repeats() -> None:
    """Three posts of ten seconds, their pauses and the save end before anybody may take over."""
    assert 3 * 10 + 0.5 + 5 + saving.SAVE_SECONDS + 10 < 75
