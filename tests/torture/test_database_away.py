import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.torture.ground import Ground, ended, prepared
from tests.torture.judging import require_exactly_once
from tests.torture.scale import scaled
from tests.torture.server import Server, own_server
from tests.workers import Zygote
from worker.sandbox import Faults

INVITES = 400
AWAY_SECONDS = scaled(3, 20)
# An intent that was committed unheard blocks its invite until its lease is over.
LATENCY = Faults(latency_seconds=0.02)


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a PostgreSQL server of the test's own."""
    with own_server() as running:
        yield running


def in_the_middle(ground: Ground) -> None:
    """Wait until a quarter of the invites is sent."""
    ground.wait_for(lambda: ground.left() <= INVITES * 3 / 4)


def test_postgresql_crashes_in_a_drain_and_each_invite_is_sent_exactly_once(
    server: Server, zygote: Zygote, counts: Counter[str]
) -> None:
    """The server is gone for a while and comes back: the same process goes on where it was."""
    with prepared(zygote, server.url, faults=LATENCY) as ground:
        ground.add(INVITES)
        with ended(ground.services(1)) as [worker]:
            in_the_middle(ground)
            server.crash()
            time.sleep(AWAY_SECONDS)  # how long it is away
            server.start()
            ground.settle()
            assert not worker.ended()
        counts.update(require_exactly_once(ground))


def test_sqlite_is_locked_in_a_drain_and_each_invite_is_sent_exactly_once(
    sqlite_url: str, zygote: Zygote, counts: Counter[str]
) -> None:
    """Another writer keeps the file to itself for a while: the same process goes on where it was."""
    with prepared(zygote, sqlite_url, faults=LATENCY) as ground:
        ground.add(INVITES)
        with ended(ground.services(1)) as [worker]:
            in_the_middle(ground)
            with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), timeout=30)) as other:
                other.execute("BEGIN IMMEDIATE")
                time.sleep(AWAY_SECONDS)  # how long it is locked
                other.rollback()
            ground.settle()
            assert not worker.ended()
        counts.update(require_exactly_once(ground))
