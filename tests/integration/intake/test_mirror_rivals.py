"""A mirror import while another caller is in the middle of changing a row."""

import io
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import sqlalchemy as sa

from worker.database import Database
from worker.intake import import_file, mirror_file

HEADER = "external_id,invitee_name,location,expected_arrival_at\n"
LINE = "{},Jane,Berlin,2091-03-02T15:00Z\n"


def test_a_change_that_is_committed_while_the_withdrawal_waits_for_it_counts(
    postgresql_url: str,
) -> None:
    """PostgreSQL looks at a row once more when its lock is free; SQLite has one writer at a time."""
    database = Database(postgresql_url)
    rival = sa.create_engine(database.url)
    everything = io.BytesIO((HEADER + LINE.format(1) + LINE.format(2) + LINE.format(3)).encode())
    import_file(database, everything, name="v.csv", connection="acme", dry_run=False, on_problem=print)

    with rival.connect() as change, ThreadPoolExecutor(1) as pool:
        change.execute(sa.text("UPDATE invite SET notes = 'Third floor' WHERE external_id = '2'"))
        withdrawing = pool.submit(
            mirror_file,
            database,
            io.BytesIO((HEADER + LINE.format(1)).encode()),
            name="v.csv",
            connection="acme",
            most_withdrawn=1.0,
            dry_run=False,
            on_checked=lambda _check: None,
            on_problem=print,
        )
        _wait_until(lambda: _waits_for_a_lock(database))
        change.commit()
        report = withdrawing.result(20)

    with database.read() as connection:
        rows = connection.execute(sa.text("SELECT external_id, wanted, notes FROM invite ORDER BY 1")).all()
    database.dispose()
    rival.dispose()
    assert report.withdrawn == 1
    assert [tuple(row) for row in rows] == [
        ("1", "present", None), ("2", "present", "Third floor"), ("3", "absent", None),
    ]  # fmt: skip


def _waits_for_a_lock(database: Database) -> bool:
    with database.read() as connection:
        return bool(connection.execute(sa.text("SELECT count(*) FROM pg_locks WHERE NOT granted")).scalar())


def _wait_until(condition: Callable[[], bool]) -> None:
    ends_at = time.monotonic() + 20
    while not condition():
        assert time.monotonic() < ends_at, "it did not happen in time"
        time.sleep(0.01)
