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

from tests.integration.connections.support import House, build
from tests.integration.delivery.away import Locked
from worker.clock import boot_clock
from worker.connections.tokens.refresh.client_standing import ClientStanding
from worker.connections.tokens.refresh.failures import Troubles
from worker.connections.tokens.refresh.lease import Leases
from worker.connections.tokens.refresh.refresher import POST_SECONDS, Refresher
from worker.connections.tokens.refresh.saving import SAVE_SECONDS, Saver
from worker.database import Database
from worker.errors import DatabaseUnreachable, NotSent, TryLater

DAY = 86_400.0


def held_elsewhere(house: House) -> int:
    """Connect a customer whose token is over, and let another host's process refresh it; return its id."""
    number = house.connect()
    house.clock.advance(4000)
    house.change(lease_owner="another-host/77/1#x", lease_until=house.clock() + timedelta(seconds=90))
    return number


@contextmanager
def looks(house: House, times: int) -> Iterator[threading.Event]:
    """Give an event that is set when a connection was read so many times."""
    done, seen = threading.Event(), 0

    def count(_connection: Any, _cursor: Any, statement: str, *_: Any) -> None:
        nonlocal seen
        seen += "connection" in statement
        if seen >= times:
            done.set()

    event.listen(house.database.engine, "before_cursor_execute", count)
    yield done
    event.remove(house.database.engine, "before_cursor_execute", count)


def test_a_refresh_elsewhere_is_waited_for_only_so_long(house: House) -> None:
    """The caller comes again later; it posts nothing itself."""
    number = held_elsewhere(house)

    with pytest.raises(TryLater, match="another process is refreshing"):
        house.tokens(patience_seconds=0.1).access(number)

    assert house.endpoint.posted == []


def test_a_stop_ends_the_wait_for_a_refresh_elsewhere(house: House) -> None:
    """A process that drains does not wait for another one."""
    number, stop = held_elsewhere(house), threading.Event()

    with looks(house, 3) as looked, ThreadPoolExecutor(1) as pool:
        waiting = pool.submit(house.tokens(stop=stop, patience_seconds=600).access, number)
        assert looked.wait(10)
        stop.set()
        with pytest.raises(TryLater):
            waiting.result(10)

    assert house.endpoint.posted == []


def test_another_threads_refresh_is_waited_for_only_so_long(small_house: House) -> None:
    """Of two threads of a process one refreshes; the other does not stand behind it for ever."""
    number = small_house.connect()
    small_house.clock.advance(4000)
    refreshing, finish = threading.Event(), threading.Event()
    small_house.once(refreshing.set, lambda: finish.wait(10))
    tokens = small_house.tokens(patience_seconds=0.1)

    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(tokens.access, number)
        assert refreshing.wait(10)
        with pytest.raises(TryLater, match="another thread is refreshing"):
            tokens.access(number)
        finish.set()
        assert first.result(10).version == 2

    assert len(small_house.endpoint.posted) == 1


def test_a_new_token_that_is_over_already_is_still_the_newest_there_is(small_house: House) -> None:
    """Its life is shorter than its refresh took, or a clock was turned: Envoy decides, not we."""
    number = small_house.connect()
    small_house.endpoint.extra = {"expires_in": 5}
    small_house.once(lambda: small_house.clock.advance(10))

    assert small_house.tokens().access(number, rejected_version=1).version == 2


def test_no_token_is_posted_for_which_too_little_is_left_of_the_lease(house: House) -> None:
    """The host was suspended: somebody else may post the same token by the time of the answer."""
    house.connect()
    leases = Leases(house.database, house.vault, owner="host/1/2", seconds=90)
    lease = leases.take(house.row(), house.clock())
    assert lease is not None
    late = replace(lease, ends=boot_clock() + POST_SECONDS + SAVE_SECONDS - 1)
    stop, client = threading.Event(), ClientStanding(house.clock)
    troubles = Troubles(house.database, leases, client, clock=house.clock)
    saver = Saver(house.database, house.vault, stop=stop)
    refresher = Refresher(house.oauth, saver, troubles, client, clock=house.clock, stop=stop)

    failure = refresher.refresh(late)

    assert isinstance(failure, NotSent)
    assert house.endpoint.posted == []
    row = house.row()
    assert (row.lease_owner, row.refresh_error, row.refresh_fingerprint) == (None, "lease_too_short", None)


def test_a_database_that_goes_away_ends_the_round_of_idle_grants(small_house: House) -> None:
    """What cannot be stored must not be asked for: the first new pair is kept, and no other token spent."""
    database = Database(f"{small_house.url}?timeout=0.05", clock=small_house.clock)
    house = build(small_house.url, database, small_house.clock, small_house.endpoint, small_house.oauth._http)
    for index in range(3):
        house.connect(f"customer-{index}", str(index))
    house.clock.advance(8 * DAY)
    stop, locked = threading.Event(), Locked(database.url)
    tokens = house.tokens(stop=stop)

    house.once(locked.go, stop.set)
    with pytest.raises(DatabaseUnreachable):
        tokens.keep_fresh(max_idle=7 * DAY)

    assert len(house.endpoint.posted) == 1
    locked.come_back()
    tokens._saver.flush()
    assert house.row("customer-0").token_version == 2
    locked.close()
    database.dispose()
