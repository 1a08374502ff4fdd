"""Of what was cleared nothing is left in SQLite's files, and their space is given back."""

import random
import sqlite3
from collections.abc import Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa
import structlog

from tests import worker_rows
from tests.integration.retention.conftest import CustomerOverTime
from worker.database import Database
from worker.database.sqlite import space
from worker.sandbox import Sandbox

CANARY = b"canary"


@pytest.fixture
def path(sqlite_url: str) -> Path:
    """Name the file of the test's database."""
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
def customer(sqlite_url: str, sandbox: Sandbox) -> Iterator[CustomerOverTime]:
    """Give a customer on SQLite."""
    with structlog.testing.capture_logs():
        made = CustomerOverTime(sqlite_url, sandbox)
        yield made
    made.worker.context.__exit__(None, None, None)


def traces(path: Path) -> int:
    """Count the traces of visitors in all files of a database."""
    return sum(file.read_bytes().lower().count(CANARY) for file in path.parent.glob(f"{path.name}*"))


def many(customer: CustomerOverTime, number: int) -> None:
    """Insert many finished visits, and change them until rows have moved between pages."""
    chance = random.Random(1)  # noqa: S311 -- no secret
    with customer.worker.context.database.write() as connection:
        for one in range(number):
            connection.execute(
                sa.text(
                    "INSERT INTO invite (connection, external_id, invitee_name, invitee_email, notes,"
                    " expected_arrival_at)"
                    " VALUES ('acme', :key, :name, :mail, :notes, '2020-01-01T10:00:00Z')"
                ),
                {
                    "key": f"{chance.random()}",
                    "name": f"Canary {one}",
                    "mail": f"canary{one}@example.org",
                    "notes": "x" * chance.randrange(400),
                },
            )
        for one in range(number):
            connection.execute(
                sa.text("UPDATE invite SET notes = :notes WHERE id = :id"),
                {"id": chance.randrange(number), "notes": f"canary {one}" * chance.randrange(40)},
            )
        worker_rows.set_status(worker_rows.In(connection), "rejected")
    customer.pass_days(40)


def test_no_trace_of_a_visitor_is_left(customer: CustomerOverTime, path: Path) -> None:
    """Neither in the file, nor in the write-ahead log, nor where SQLite had moved rows about."""
    customer.visit(invitee_email="canary@example.org")
    customer.worker.push()
    many(customer, 3000)
    assert traces(path) > 3000

    report = customer.prune(everything=True)

    assert report.counts["cleared"] == 3001
    assert report.troubles == set()
    assert traces(path) == 0


def test_a_large_file_is_cut_in_steps(
    customer: CustomerOverTime, path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is not written again; its free pages go, and the log is empty."""
    monkeypatch.setattr(space, "MOST_REWRITTEN_BYTES", 0)
    monkeypatch.setattr(space, "STEP_PAGES", 10)
    many(customer, 2000)
    customer.worker.execute("DELETE FROM invite WHERE id > 100")
    with sqlite3.connect(path) as other:
        other.execute("PRAGMA wal_checkpoint")
    other.close()
    before = path.stat().st_size

    customer.prune()

    assert path.stat().st_size < before / 2
    assert path.with_name(f"{path.name}-wal").stat().st_size == 0


def test_a_file_of_before_is_switched_when_it_is_written_anew(customer: CustomerOverTime, path: Path) -> None:
    """From then on its free pages can be cut off."""
    customer.worker.context.database.dispose()
    with sqlite3.connect(path) as old:
        old.execute("PRAGMA auto_vacuum = NONE")
    old.execute("PRAGMA journal_mode = DELETE")
    old.execute("VACUUM")
    assert old.execute("PRAGMA auto_vacuum").fetchone() == (0,)
    old.close()
    many(customer, 10)

    customer.prune()

    with customer.worker.context.database.read() as connection:
        assert connection.exec_driver_sql("PRAGMA auto_vacuum").scalar() == 2


def test_a_new_file_is_made_so_that_it_can_shrink(tmp_path: Path) -> None:
    """The worker makes it, and no later start changes that, or writes to it."""
    for _ in range(2):
        database = Database(f"sqlite:///{tmp_path}/new.db")
        with database.write() as connection:
            connection.exec_driver_sql("CREATE TABLE IF NOT EXISTS t (x)")
            assert connection.exec_driver_sql("PRAGMA auto_vacuum").scalar() == 2
        database.dispose()


def test_a_reader_that_keeps_the_log_is_told(customer: CustomerOverTime, path: Path) -> None:
    """The rows are cleared, and the exit code says that the job should be run again."""
    many(customer, 10)
    with sqlite3.connect(path, isolation_level=None) as reader:
        reader.execute("BEGIN")
        reader.execute("SELECT count(*) FROM invite").fetchone()

        report = customer.prune()

        reader.execute("COMMIT")
    assert report.counts["cleared"] == 10
    assert [int(code) for code in report.troubles] == [75]
    assert customer.prune().troubles == set()
    assert traces(path) == 0
