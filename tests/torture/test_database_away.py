import sqlite3
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing

import pytest

from tests.own_server import Server, own_server
from tests.torture.exactly_once import require_exactly_once
from tests.torture.fast_installation import FastInstallation, ended, prepared
from tests.torture.scale import scaled
from tests.workers import ForkedCommands
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


def in_the_middle(installation: FastInstallation) -> None:
    """Wait until a quarter of the invites is sent."""
    installation.wait_for(lambda: installation.left() <= INVITES * 3 / 4)


def test_postgresql_crashes_in_a_drain_and_each_invite_is_sent_exactly_once(
    server: Server, forked_commands: ForkedCommands, counts: Counter[str]
) -> None:
    """The server is gone for a while and comes back: the same process goes on where it was."""
    with prepared(forked_commands, server.url, faults=LATENCY) as installation:
        installation.add(INVITES)
        with ended(installation.services(1)) as [worker]:
            in_the_middle(installation)
            server.crash()
            time.sleep(AWAY_SECONDS)  # how long it is away
            server.start()
            installation.settle()
            assert not worker.ended()
        counts.update(require_exactly_once(installation))


def test_sqlite_is_locked_in_a_drain_and_each_invite_is_sent_exactly_once(
    sqlite_url: str, forked_commands: ForkedCommands, counts: Counter[str]
) -> None:
    """Another writer keeps the file to itself for a while: the same process goes on where it was."""
    with prepared(forked_commands, sqlite_url, faults=LATENCY) as installation:
        installation.add(INVITES)
        with ended(installation.services(1)) as [worker]:
            in_the_middle(installation)
            with closing(sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), timeout=30)) as other:
                other.execute("BEGIN IMMEDIATE")
                time.sleep(AWAY_SECONDS)  # how long it is locked
                other.rollback()
            installation.settle()
            assert not worker.ended()
        counts.update(require_exactly_once(installation))
