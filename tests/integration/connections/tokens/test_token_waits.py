"""Who waits for a token, for how long, and what ends the wait."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from sqlalchemy import event

from tests.database_away import LockedFile
from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint, build
from worker.clock import boot_clock
from worker.connections.tokens.refresh.client_standing import ClientStanding
from worker.connections.tokens.refresh.failures import Troubles
from worker.connections.tokens.refresh.lease import Leases
from worker.connections.tokens.refresh.refresher import POST_SECONDS, Refresher
from worker.connections.tokens.refresh.saving import SAVE_SECONDS, Saver
from worker.database import Database
from worker.errors import DatabaseUnreachable, NotSent, TryLater

DAY = 86_400.0


def held_elsewhere(worker: WorkerWithTokenEndpoint) -> int:
    """Connect a customer whose token is over, and let another host's process refresh it; return its id."""
    number = worker.connect()
    worker.clock.advance(4000)
    worker.change(lease_owner="another-host/77/1#x", lease_until=worker.clock() + timedelta(seconds=90))
    return number


@contextmanager
def looks(worker: WorkerWithTokenEndpoint, times: int) -> Iterator[threading.Event]:
    """Give an event that is set when a connection was read so many times."""
    done, seen = threading.Event(), 0

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal seen
        seen += "connection" in statement
        if seen >= times:
            done.set()

    event.listen(worker.database.engine, "before_cursor_execute", count)
    yield done
    event.remove(worker.database.engine, "before_cursor_execute", count)


def test_a_refresh_elsewhere_is_waited_for_only_so_long(worker: WorkerWithTokenEndpoint) -> None:
    """The caller comes again later; it posts nothing itself."""
    number = held_elsewhere(worker)

    with pytest.raises(TryLater, match="another process is refreshing"):
        worker.tokens(patience_seconds=0.1).access(number)

    assert worker.endpoint.posted == []


def test_a_stop_ends_the_wait_for_a_refresh_elsewhere(worker: WorkerWithTokenEndpoint) -> None:
    """A process that drains does not wait for another one."""
    number, stop = held_elsewhere(worker), threading.Event()

    with looks(worker, 3) as looked, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(worker.tokens(stop=stop, patience_seconds=600).access, number)
        assert looked.wait(10)
        stop.set()
        with pytest.raises(TryLater):
            waiting.result(10)

    assert worker.endpoint.posted == []


def test_another_threads_refresh_is_waited_for_only_so_long(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Of two threads of a process one refreshes; the other does not stand behind it for ever."""
    number = sqlite_worker.connect()
    sqlite_worker.clock.advance(4000)
    refreshing, finish = threading.Event(), threading.Event()
    sqlite_worker.once(refreshing.set, lambda: finish.wait(10))
    tokens = sqlite_worker.tokens(patience_seconds=0.1)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(tokens.access, number)
        assert refreshing.wait(10)
        with pytest.raises(TryLater, match="another thread is refreshing"):
            tokens.access(number)
        finish.set()
        assert first.result(10).version == 2

    assert len(sqlite_worker.endpoint.posted) == 1


def test_a_new_token_that_is_over_already_is_still_the_newest_there_is(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """Its life is shorter than its refresh took, or a clock was turned: Envoy decides, not we."""
    number = sqlite_worker.connect()
    sqlite_worker.endpoint.extra = {"expires_in": 5}
    sqlite_worker.once(lambda: sqlite_worker.clock.advance(10))

    assert sqlite_worker.tokens().access(number, rejected_version=1).version == 2


def test_no_token_is_posted_for_which_too_little_is_left_of_the_lease(
    worker: WorkerWithTokenEndpoint,
) -> None:
    """The host was suspended: somebody else may post the same token by the time of the answer."""
    worker.connect()
    leases = Leases(worker.database, worker.vault, owner="host/1/2", seconds=90)
    lease = leases.take(worker.row(), worker.clock())
    assert lease is not None
    late = replace(lease, ends=boot_clock() + POST_SECONDS + SAVE_SECONDS - 1)
    stop, client = threading.Event(), ClientStanding(worker.clock)
    troubles = Troubles(worker.database, leases, client, clock=worker.clock)
    saver = Saver(worker.database, worker.vault, stop=stop)
    refresher = Refresher(worker.oauth, saver, troubles, client, clock=worker.clock, stop=stop)

    failure = refresher.refresh(late)

    assert isinstance(failure, NotSent)
    assert worker.endpoint.posted == []
    row = worker.row()
    assert (row.lease_owner, row.refresh_error, row.refresh_fingerprint) == (None, "lease_too_short", None)


def test_a_database_that_goes_away_ends_the_round_of_idle_grants(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """What cannot be stored must not be asked for: the first new pair is kept, and no other token spent."""
    database = Database(f"{sqlite_worker.url}?timeout=0.05", clock=sqlite_worker.clock)
    worker = build(
        sqlite_worker.url, database, sqlite_worker.clock, sqlite_worker.endpoint, sqlite_worker.oauth._http
    )
    for index in range(3):
        worker.connect(f"customer-{index}", str(index))
    worker.clock.advance(8 * DAY)
    stop, locked = threading.Event(), LockedFile(database.url)
    tokens = worker.tokens(stop=stop)

    worker.once(locked.go, stop.set)
    with pytest.raises(DatabaseUnreachable):
        tokens.keep_fresh(max_idle=7 * DAY)

    assert len(worker.endpoint.posted) == 1
    locked.come_back()
    tokens._saver.flush()
    assert worker.row("customer-0").token_version == 2
    locked.close()
    database.dispose()
