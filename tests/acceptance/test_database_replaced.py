"""An SQLite file is replaced or damaged under a running worker: it ends, with one ERROR and exit code 78."""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.installation import Installation, events
from tests.waiting import wait_until
from tests.workers import Piped
from worker.database.sqlite.mark import is_marked

QUICK = {"WORKER_JOBS__PUSH_INVITES__EVERY": "0.3"}
SOON_SECONDS = 20.0  # a second or two, on a machine that has time
INSERT = (
    "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
    " VALUES ('acme', ?, 'Ada', 'Berlin', '2035-05-01T10:00:00Z')"
)


class File:
    """The installation's file, as the operator and other programs deal with it."""

    def __init__(self, installation: Installation) -> None:
        """Take its path; nothing of the test itself keeps it open."""
        installation.database.dispose()
        self.path = Path(str(installation.database.url.database))
        self.backup = self.path.with_name("backup.db")

    def ask(self, statement: str, *values: object) -> list[Any]:
        """Run one statement, and return what it finds."""
        with closing(sqlite3.connect(self.path, isolation_level=None)) as other:
            return other.execute(statement, values).fetchall()

    def back_up(self) -> None:
        """Make a backup."""
        self.ask(f"VACUUM INTO '{self.backup}'")

    def restore(self) -> None:
        """Restore the backup, as one should not under a worker that runs."""
        self.backup.replace(self.path)
        self.side("-wal").unlink()
        self.side("-shm").unlink()

    def spoil(self) -> None:
        """Spoil the page that the ledger begins on, which every push reads."""
        ((page,),) = self.ask("SELECT rootpage FROM sqlite_master WHERE name = 'attempt'")
        ((size,),) = self.ask("PRAGMA page_size")
        with closing(sqlite3.connect(self.path, isolation_level=None)) as writer:
            writer.execute("BEGIN IMMEDIATE")  # else a run might write the page again, and so repair it
            wait_until(self._log_is_in_the_file)
            with self.path.open("r+b") as file:
                file.seek((page - 1) * size)
                file.write(b"\xff" * 200)
            # A table that is new makes everybody read all pages again.
            writer.execute("CREATE TABLE another (x)")
            writer.execute("COMMIT")

    def _log_is_in_the_file(self) -> bool:
        ((_, frames, moved),) = self.ask("PRAGMA wal_checkpoint(PASSIVE)")
        return bool(frames == moved)

    def side(self, end: str) -> Path:
        """Return a file beside it."""
        return self.path.with_name(self.path.name + end)


@contextmanager
def started(installation: Installation, *arguments: str) -> Iterator[Piped]:
    """Start a command that is to end by itself; one that does not, ends with the test."""
    with installation.start(*arguments, **QUICK) as process:
        try:
            yield process
        finally:
            process.kill()


def one_error(out: str) -> dict[str, Any]:
    """Return the one ERROR of a log."""
    (error,) = [line for line in events(out) if line["level"] == "error"]
    return error


@pytest.mark.parametrize(
    ("change", "error_code"), [(File.restore, "database_replaced"), (File.spoil, "database_damaged")]
)
def test_the_service_ends_for_what_no_restart_mends(
    change: Callable[[File], None], error_code: str, small_connected: Installation
) -> None:
    """Within seconds and with one ERROR, however many jobs meet it; nothing is sent from then on."""
    file = File(small_connected)
    file.back_up()
    file.ask(INSERT, "v-1")
    with started(small_connected, "run") as service:
        wait_until(lambda: file.ask("SELECT status FROM delivery") == [("sent",)])
        change(file)
        out, _ = service.communicate(timeout=SOON_SECONDS)

    (error,) = [line for line in events(out) if line["level"] == "error"]
    assert service.returncode == 78
    assert (error["event"], error["error_code"]) == ("worker.stopped", error_code)
    assert "envoy-worker db restored" in error["hint"]
    assert len(small_connected.sandbox.invites()) == 1
    assert is_marked(file.path) == (change is File.restore)


def test_an_import_that_loses_its_file_says_so(small_installation: Installation) -> None:
    """What it has stored is in the file that was taken away: the import is repeated on the new one."""
    file = File(small_installation)
    file.back_up()
    header = "connection,external_id,invitee_name,location,expected_arrival_at\n"
    lines = [f"acme,v-{n},Ada,Berlin,2035-05-01T10:00:00Z\n" for n in range(1500)]
    with started(small_installation, "invites", "import", "-") as worker:
        worker.stdin.write(header + "".join(lines[:1000]))
        worker.stdin.flush()
        wait_until(lambda: file.ask("SELECT count(*) >= 500 FROM invite") == [(1,)])
        file.restore()
        out, err = worker.communicate("".join(lines[1000:]), timeout=SOON_SECONDS)

    assert worker.returncode == 78
    assert "was replaced while it was in use" in err
    assert len(err.splitlines()) == 1
    assert "Traceback" not in err + out
    assert is_marked(file.path)
    assert file.ask("SELECT count(*) FROM invite") == [(0,)]
