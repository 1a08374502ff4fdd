"""A damaged SQLite file: every command ends with one line that has the cause and the cure, and 78."""

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, NamedTuple

import pytest

from tests.command_process import CommandProcess, command_process
from worker.cli.check import damage
from worker.database import Database
from worker.database.meanings import DAMAGED_HINT

LINE = (
    "connection,external_id,invitee_name,location,expected_arrival_at\n"
    "acme,n-1,Ada,Berlin,2035-05-01T10:00:00Z\n"
)
COMMANDS = (
    "status", "check", "db current", "db upgrade", "invites list", "invites import FILE", "connections list",
    "keys rotate", "run-once push_invites", "run-once push_invites --dry-run",
)  # fmt: skip
FEW = ("status", "check", "invites import FILE", "run-once push_invites")
NOBODY = "http://127.0.0.1:9"  # where Envoy would be


class CommandResult(NamedTuple):
    """What became of one command."""

    code: int
    out: str
    err: str

    @property
    def failure(self) -> str:
        """The line that says what failed: a finding of ``check``, an event, or the last line of stderr."""
        found = [line for line in self.out.splitlines() if line.startswith("FAIL") and NOBODY not in line]
        failed = [line for line in self.err.splitlines() if '"job.failed"' in line or "error: " in line]
        assert len(found + failed) == 1, self
        return (found + failed)[0]


@pytest.fixture(scope="module")
def process() -> Iterator[CommandProcess]:
    """Give a process that runs commands."""
    with command_process() as given:
        yield given


@pytest.fixture(scope="module")
def filled(sqlite_template: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a file with some hundred invites, closed in order."""
    path = tmp_path_factory.mktemp("filled") / "worker.db"
    shutil.copy(sqlite_template, path)
    with closing(sqlite3.connect(path)) as other:
        other.executemany(
            "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at, notes)"
            " VALUES ('acme', ?, 'Ada', 'Berlin', '2035-05-01T10:00:00Z', ?)",
            [(f"v-{number}", "n" * 300) for number in range(400)],
        )
        other.commit()
    return path


def overwrite(path: Path, place: int, content: bytes) -> None:
    """Write into the middle of a file, past everybody."""
    with path.open("r+b") as file:
        file.seek(place)
        file.write(content)


def page_of(table: str) -> Callable[[Path], None]:
    """Return what spoils the page that a table begins on."""

    def spoil(path: Path) -> None:
        with closing(sqlite3.connect(path)) as other:
            query = "SELECT rootpage FROM sqlite_master WHERE name = ?"
            (page,) = other.execute(query, [table]).fetchone()
            (size,) = other.execute("PRAGMA page_size").fetchone()
        overwrite(path, (page - 1) * size, b"\xff" * 200)

    return spoil


def stale_log(path: Path) -> None:
    """Put a backup beside the log that another file has left."""
    backup = shutil.copy(path, path.with_name("backup.db"))
    script = (
        "import os, sqlite3, sys; file = sqlite3.connect(sys.argv[1], isolation_level=None);"
        "file.execute('DELETE FROM invite WHERE id % 2 = 0'); file.execute('VACUUM');"
        "file.execute('PRAGMA wal_checkpoint(TRUNCATE)');"
        "file.execute('DELETE FROM invite WHERE id % 3 = 0'); os._exit(0)"
    )
    subprocess.run([sys.executable, "-c", script, str(path)], check=True)
    shutil.copy(backup, path)


EVERYWHERE: dict[str, Callable[[Path], None]] = {
    "the list of tables": lambda path: overwrite(path, 100, b"\xff" * 200),
    "the name of a table, and its text": lambda path: overwrite(
        path, path.read_bytes().index(b"tabledelivery") + 5, b"\xff" * 40
    ),
    "cut within the first page": lambda path: os.truncate(path, 100),
    "noise behind the first words": lambda path: overwrite(path, 16, os.urandom(50_000)),
    "the table of versions": page_of("alembic_version"),
}
SOMEWHERE: dict[str, Callable[[Path], None]] = {
    "deliveries": page_of("delivery"),
    "invites": page_of("invite"),
    "cut in the middle": lambda path: os.truncate(path, path.stat().st_size // 8192 * 4096),
    "a stale log": stale_log,
}


class SpoiltCopies:
    """Commands on a file of which a copy is spoilt for each of them."""

    def __init__(self, process: CommandProcess, filled: Path, folder: Path) -> None:
        """Take the file that is whole."""
        self._session, self._filled, self._folder = process, filled, folder
        (folder / "lines.csv").write_text(LINE, encoding="utf-8")

    def of(self, spoil: Callable[[Path], object], command: str) -> CommandResult:
        """Return what a command says on a file with this damage."""
        path = Path(shutil.copy(self._filled, self._folder / "worker.db"))
        for end in ("-wal", "-shm"):
            path.with_name(path.name + end).unlink(missing_ok=True)
        spoil(path)
        said = self._session.run(
            f"sqlite:///{path}", command.replace("FILE", str(self._folder / "lines.csv"))
        )
        assert "bug" not in said.out + said.err, (command, said)
        assert "Traceback" not in said.err, (command, said)
        return CommandResult(said.code, said.out, said.err)


@pytest.fixture
def spoilt_copies(process: CommandProcess, filled: Path, tmp_path: Path) -> SpoiltCopies:
    """Give commands on spoilt copies."""
    return SpoiltCopies(process, filled, tmp_path)


@pytest.mark.parametrize("damage", EVERYWHERE)
def test_a_damage_that_every_command_meets_is_one_line(damage: str, spoilt_copies: SpoiltCopies) -> None:
    """With the cause and the cure, exit 78; no bug, and no traceback."""
    for command in COMMANDS:
        told = spoilt_copies.of(EVERYWHERE[damage], command)
        assert told.code == 78, (command, told)
        assert DAMAGED_HINT in told.failure, command


@pytest.mark.parametrize("damage", SOMEWHERE)
def test_a_damage_that_some_commands_meet_is_a_line_of_those(
    damage: str, spoilt_copies: SpoiltCopies
) -> None:
    """Who does not read what is damaged, works; ``check`` reads all of it."""
    for command in ("invites list", *FEW):
        told = spoilt_copies.of(SOMEWHERE[damage], command)
        assert told.code in {0, 78}, (command, told)
        assert told.code == 78 or command != "check"
        if told.code:
            assert DAMAGED_HINT in told.failure, command


@pytest.mark.parametrize(
    ("place", "version", "said"),
    [(19, 3, "file is not a database"), (47, 9, "unsupported file format")],
)
def test_a_file_of_a_newer_format_is_a_line(
    place: int, version: int, said: str, spoilt_copies: SpoiltCopies
) -> None:
    """Of the reading version, or of the tables' format."""
    for command in FEW:
        told = spoilt_copies.of(lambda path: overwrite(path, place, bytes([version])), command)
        assert told.code == 78, (command, told)
        assert said in told.failure


@pytest.mark.parametrize("content", [b"\0" * 100_000, os.urandom(100_000)], ids=["zeros", "encrypted"])
def test_a_file_that_is_no_database_is_a_line(
    content: bytes, spoilt_copies: SpoiltCopies, tmp_path: Path
) -> None:
    """As a power cut leaves it, or a tool that encrypts; it is not touched."""
    for command in FEW:
        told = spoilt_copies.of(lambda path: path.write_bytes(content), command)
        assert told.code == 78, (command, told)
        assert "is not an SQLite database" in told.failure
        assert (tmp_path / "worker.db").read_bytes() == content


def findings(path: Path, *, deep: bool = False) -> list[dict[str, Any]]:
    """Return what is found in a file."""
    database = Database(f"sqlite:///{path}")
    found = [finding.as_data() for finding in damage.findings(database, deep=deep)]
    database.dispose()
    return found


def test_check_reads_a_file_that_is_whole(filled: Path) -> None:
    """It says that it did."""
    (found,) = findings(filled)

    assert (found["level"], found["text"]) == ("ok", "database file: no damage was found")


def test_check_names_the_first_damages_in_one_line(filled: Path, tmp_path: Path) -> None:
    """Pages by number, no row."""
    path = Path(shutil.copy(filled, tmp_path / "worker.db"))
    overwrite(path, path.stat().st_size // 2, b"\xff" * 50_000)
    (found,) = findings(path)

    assert found["exit_code"] == 78
    assert "\n" not in str(found["text"])
    assert "Page" in str(found["text"])
    assert "Ada" not in str(found["text"])


def test_a_deep_check_compares_indexes_with_their_tables(filled: Path, tmp_path: Path) -> None:
    """An index that lacks rows is no damage of pages, and makes rows be overlooked."""
    path = Path(shutil.copy(filled, tmp_path / "worker.db"))
    of_all = "CREATE INDEX spare ON invite (notes)"
    redefine = "UPDATE sqlite_master SET sql = ? WHERE name = 'spare'"
    for statement, *values in (
        (of_all,),
        (redefine, f"{of_all} WHERE 0"),
        ("UPDATE invite SET notes = 'other' WHERE external_id = 'v-1'",),
        (redefine, of_all),
    ):
        with closing(sqlite3.connect(path, isolation_level=None)) as other:
            other.execute("PRAGMA writable_schema = ON")
            other.execute(statement, values)

    (found,) = findings(path, deep=True)

    assert found["exit_code"] == 78
    assert "missing from index spare" in str(found["text"])
    assert findings(path)[0]["level"] == "ok"


def test_a_large_file_is_left_to_a_deep_check(filled: Path, tmp_path: Path) -> None:
    """More than 128 MiB take a while: the line says how large it is, and how it is read all the same."""
    path = Path(shutil.copy(filled, tmp_path / "worker.db"))
    (tmp_path / "worker.db-wal").touch()
    os.truncate(tmp_path / "worker.db-wal", 129 * 1024 * 1024)  # of a file without content, so not of use

    (quick,) = findings(path)
    (deep,) = findings(path, deep=True)

    assert (quick["level"], quick["exit_code"]) == ("ok", 0)
    assert "129 MiB" in str(quick["text"])
    assert "--deep" in str(quick["text"])
    assert deep["text"] == "database file: no damage was found"


def test_a_writer_is_not_kept_waiting_by_a_check(filled: Path, tmp_path: Path) -> None:
    """A check reads as any reader does."""
    path = Path(shutil.copy(filled, tmp_path / "worker.db"))
    database = Database(f"sqlite:///{path}?timeout=0")
    with database.read() as reader, database.write() as writer:
        reader.exec_driver_sql("PRAGMA quick_check")
        writer.exec_driver_sql("INSERT INTO schema_compatibility VALUES ('x')")
    database.dispose()


def test_on_postgresql_there_is_no_file(postgresql_url: str) -> None:
    """The server sees to its own files: nothing is said, with --deep neither."""
    database = Database(postgresql_url)
    found = [*damage.findings(database, deep=False), *damage.findings(database, deep=True)]
    database.dispose()

    assert found == []
