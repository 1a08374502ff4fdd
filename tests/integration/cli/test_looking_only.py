"""Anyone who only looks at a database makes, tightens and writes nothing; anyone who writes looks first."""

import os
import shutil
import socket
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa
import typer.main

from tests import worker_rows
from tests.command_process import CommandProcess, CommandResult, command_process, traces
from worker.cli.app import app
from worker.database import Database
from worker.errors import DatabaseConflict

LINES = (
    "connection,external_id,invitee_name,location,expected_arrival_at\nacme,x1,Ann,Berlin,2035-05-01T10:00Z\n"
)
READING = {
    "status": "", "check": "", "db current": "", "directory": "", "connections list": "",
    "connections show": "acme", "invites list": "", "invites show": "acme/v1", "run-once": "--dry-run",
    "invites import": "{file} --dry-run",
}  # fmt: skip
WRITING = {
    "run-once": "", "run": "", "connect": "acme", "directory": "--refresh", "connections pause": "acme",
    "connections resume": "acme", "connections remove": "acme --yes",
    "connections set": "acme --default-send-email", "invites import": "{file}",
    "invites add": "--connection acme --external-id x --name A --arrival 2035-05-01T10:00Z --location Berlin",
    "invites retry": "acme/v1", "invites withdraw": "acme/v1", "invites resolve": "acme/v1 --resend",
    "keys rotate": "", "db restored": "",
}  # fmt: skip
MAKING = {"db upgrade"}
NO_DATABASE = {"keys new", "invites template", "sandbox", "demo"}
NOBODY = 65534


@pytest.fixture(scope="module")
def process() -> Iterator[CommandProcess]:
    """Give a process that runs commands."""
    with command_process() as started:
        yield started


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Give a folder for databases alone."""
    made = tmp_path / "databases"
    made.mkdir()
    return made


@pytest.fixture
def lines(tmp_path: Path) -> Path:
    """Give a file to import."""
    file = tmp_path / "lines.csv"
    file.write_text(LINES)
    return file


@pytest.fixture
def at_rest(sqlite_template: Path, folder: Path) -> Path:
    """Give a migrated file that nobody uses, which others may read."""
    path = folder / "worker.db"
    shutil.copy(sqlite_template, path)
    engine = sa.create_engine(f"sqlite:///{path}")
    with engine.begin() as connection:
        worker_rows.add_connection(worker_rows.In(connection))
        connection.exec_driver_sql(
            "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
            " VALUES ('acme', 'v1', 'Ann', 'Berlin', '2035-05-01T10:00:00Z')"
        )
    engine.dispose()
    path.chmod(0o644)
    return path


@pytest.fixture
def in_use(at_rest: Path) -> Iterator[Path]:
    """Give a file that another process has open, with a change that only its log has."""
    with sqlite3.connect(at_rest) as connection:
        connection.execute("UPDATE invite SET invitee_name = 'Zoe'")
        connection.commit()
        yield at_rest
    connection.close()


@pytest.fixture
def crashed(in_use: Path, tmp_path: Path) -> Path:
    """Give the file of a process that was killed: its log and index lie there."""
    return Path(shutil.copytree(in_use.parent, tmp_path / "crashed")) / in_use.name


@pytest.fixture
def backed_up(at_rest: Path, tmp_path: Path) -> Path:
    """Give a copy without a write-ahead log, as `VACUUM INTO` makes one."""
    (tmp_path / "backup").mkdir()
    path = tmp_path / "backup" / "worker.db"
    with sqlite3.connect(at_rest) as connection:
        connection.execute("VACUUM INTO ?", [str(path)])
    connection.close()
    return path


@pytest.fixture
def foreign(folder: Path) -> Path:
    """Give another application's database, in its own journal mode."""
    path = folder / "other.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE note (text)")
        connection.execute("CREATE TABLE invite (guest)")
    connection.close()
    path.chmod(0o644)
    return path


def names_of(command: Any, before: str = "") -> Iterator[str]:
    """Yield the names of all commands."""
    for name, found in command.commands.items():
        if hasattr(found, "commands"):
            yield from names_of(found, f"{before}{name} ")
        else:
            yield before + name


def url(path: Path) -> str:
    """Return the URL of a file."""
    return f"sqlite:///{path}"


def one_line(said: CommandResult, code: int = 78) -> str:
    """Return the only line that a command said, which must have failed so."""
    assert (said.code, said.err.count("\n"), said.out) == (code, 1, ""), said
    return said.err


def test_of_every_command_it_is_known_whether_it_only_looks() -> None:
    """A new command must say what it opens the database for, and be tried here."""
    known = {*READING, *WRITING, *MAKING, *NO_DATABASE}

    assert known == set(names_of(typer.main.get_command(app)))


def test_no_command_makes_a_database_at_a_wrong_path(
    process: CommandProcess, folder: Path, lines: Path
) -> None:
    """Exit 78, one line: the path as it was written, the whole one, and what to type."""
    for name, options in [*READING.items(), *WRITING.items()]:
        said = process.run("sqlite:///typo.db", f"{name} {options.format(file=lines)}", folder)
        told = said.out if name == "check" else one_line(said)
        assert said.code == 78, name
        assert f"there is no file typo.db ({folder}/typo.db)" in told, name
        assert "`envoy-worker db upgrade` makes it" in told, name
        assert list(folder.iterdir()) == [], name
    assert process.run("sqlite:///typo.db", "db upgrade", folder).code == 0
    assert process.run("sqlite:///typo.db", "status", folder).code == 0

    assert [file.name for file in folder.iterdir()] == ["typo.db"]


@pytest.mark.parametrize("name", ["with blank.db", "100%#1.db", "zürich&mode=rw.db", "caf\udce9.db"])
def test_any_name_of_a_file_is_taken_as_it_is(process: CommandProcess, folder: Path, name: str) -> None:
    """What means something in a URI means nothing in a file's name."""
    said = [process.run(url(folder / name), command).code for command in ("db upgrade", "status", "run-once")]

    assert said == [0, 0, 0]
    assert [file.name for file in folder.iterdir()] == [name]


def look(process: CommandProcess, database_url: str, lines: Path) -> dict[str, CommandResult]:
    """Run every command that only looks."""
    return {
        name: process.run(database_url, f"{name} {args.format(file=lines)}") for name, args in READING.items()
    }


@pytest.mark.parametrize("state", ["at_rest", "in_use", "crashed", "backed_up"])
def test_who_only_looks_leaves_no_trace(
    process: CommandProcess, state: str, request: pytest.FixtureRequest, lines: Path
) -> None:
    """No file is made, none changes in content, mode, owner or time; and what is committed is seen."""
    path: Path = request.getfixturevalue(state)
    before = traces(path.parent)

    said = look(process, url(path), lines)

    assert traces(path.parent) == before
    del said["check"]  # Envoy is not there
    assert {name: one.code for name, one in said.items()} == dict.fromkeys(said, 0)
    assert ("Zoe" if state in {"in_use", "crashed"} else "Ann") in said["invites show"].out


def test_a_log_without_its_index_is_read(process: CommandProcess, crashed: Path) -> None:
    """The index may be missing after a copy by hand; what the log has counts all the same."""
    crashed.with_name("worker.db-shm").unlink()
    before = traces(crashed.parent)

    said = process.run(url(crashed), "invites show acme/v1")

    assert "Zoe" in said.out
    after = traces(crashed.parent)
    assert {name: after[name] for name in before} == before


def test_an_index_that_a_killed_writer_left_half_written_is_read(
    process: CommandProcess, in_use: Path
) -> None:
    """Another process has the file open, so that SQLite repairs the index and makes no other."""
    # Never closed before the end: that would give up the locks that this process has there.
    with in_use.with_name("worker.db-shm").open("r+b", buffering=0) as index:
        index.write(b"\xff" * 48)
        assert "Zoe" in process.run(url(in_use), "invites show acme/v1").out
        assert Database(url(in_use), access="write").read_now()


@pytest.mark.parametrize(
    "log", [b"\xa5" * 32, b"\x37\x7f\x06\x82" + b"\xa5" * 5000], ids=["noise", "a log's name"]
)
def test_what_lies_in_the_logs_place_is_no_hindrance(at_rest: Path, log: bytes) -> None:
    """SQLite reads past a log that is none; asked for its index alone it calls the database locked."""
    at_rest.with_name("worker.db-wal").write_bytes(log)
    database = Database(url(at_rest), access="read")

    assert database.read_now()
    assert database.read_now()  # by now there is an index
    database.dispose()


def test_what_is_no_database_stays_as_it_is(process: CommandProcess, folder: Path, lines: Path) -> None:
    """A text, a link to one, a pipe, a socket, a device, a folder: one line at once, for anyone who asks."""
    (folder / "text").write_text("API_KEY=1\n" * 9)
    (folder / "text").chmod(0o644)
    (folder / "link").symlink_to("text")
    (folder / "huge").touch()
    os.truncate(folder / "huge", 1 << 40)
    os.mkfifo(folder / "pipe")
    (folder / "folder").mkdir()
    (folder / "device").symlink_to("/dev/zero")
    (folder / "lost").symlink_to("nowhere")
    (folder / "circle").symlink_to("circle")
    listener = socket.socket(socket.AF_UNIX)
    short = folder.relative_to(Path.cwd()) if folder.is_relative_to(Path.cwd()) else folder
    listener.bind(str(short / "socket"))
    before = traces(folder)

    told = {}
    for name in before:
        told[name] = {
            one_line(process.run(url(folder / name), command), 69 if name == "circle" else 78)
            for command in ("status", f"invites import {lines}")
        }
    listener.close()

    assert traces(folder) == before
    for name, words in {
        "text": "is not an SQLite database", "link": "is not an SQLite database",
        "huge": "is not an SQLite database", "pipe": "is a pipe", "folder": "is a directory",
        "device": "is a device", "socket": "is a socket", "lost": f"({folder}/nowhere)", "circle": "symbolic",
    }.items():  # fmt: skip
        (line,) = told[name]
        assert words in line


@pytest.mark.parametrize("command", ["db upgrade", "run-once"])
def test_what_is_no_database_stays_so_for_who_writes(
    process: CommandProcess, command: str, folder: Path
) -> None:
    """Not even a migration tightens a text file."""
    (folder / "text").write_text("API_KEY=1\n" * 9)
    (folder / "text").chmod(0o644)
    before = traces(folder)

    one_line(process.run(url(folder / "text"), command))

    assert traces(folder) == before


def test_another_applications_database_stays_as_it_is(
    process: CommandProcess, foreign: Path, lines: Path
) -> None:
    """Neither its mode nor its journal changes, whatever is asked; exit 78, and what to type."""
    before = traces(foreign.parent)

    for name, options in {**READING, **WRITING}.items():
        said = process.run(url(foreign), f"{name} {options.format(file=lines)}")
        assert said.code == (0 if name == "db current" else 78), (name, said)
        assert traces(foreign.parent) == before, name


def test_an_empty_file_is_a_database_to_be_made(process: CommandProcess, folder: Path) -> None:
    """`touch` made it, and others may read it: it is named, left alone, and private once it is migrated."""
    path = folder / "empty.db"
    path.touch(mode=0o644)
    before = traces(folder)

    assert "db upgrade" in one_line(process.run(url(path), "status"))
    assert "db upgrade" in one_line(process.run(url(path), "run-once"))
    assert traces(folder) == before
    assert process.run(url(path), "db upgrade").code == 0

    assert path.stat().st_mode & 0o777 == 0o600


def test_what_is_ours_is_made_private_by_who_writes(
    process: CommandProcess, in_use: Path, tmp_path: Path
) -> None:
    """The file a link leads to, and what lies beside it; the folder above stays open."""
    in_use.parent.chmod(0o755)
    link = tmp_path / "link.db"
    link.symlink_to(in_use)

    assert process.run(url(link), "connections set acme --default-send-email").code == 0
    modes = {file.name: file.stat().st_mode & 0o777 for file in in_use.parent.iterdir()}

    assert modes == {"worker.db": 0o600, "worker.db-wal": 0o600, "worker.db-shm": 0o600}
    assert in_use.parent.stat().st_mode & 0o777 == 0o755


def test_a_link_beside_the_file_is_not_followed(at_rest: Path, tmp_path: Path) -> None:
    """What a side file's name leads to elsewhere keeps its mode."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.touch(mode=0o644)
    at_rest.with_name("worker.db-journal").symlink_to(elsewhere)

    Database(url(at_rest), access="write").dispose()

    assert at_rest.stat().st_mode & 0o777 == 0o600
    assert elsewhere.stat().st_mode & 0o777 == 0o644


def test_a_database_of_another_user_is_refused(process: CommandProcess, at_rest: Path, lines: Path) -> None:
    """Exit 78, both users, and how to be the right one; nothing is made that would lock its owner out."""
    if os.geteuid() == 0:
        os.chown(at_rest, NOBODY, NOBODY)
        path, words = at_rest, ["(uid 65534), and this is root (uid 0)", "run this as", "deploy/envoy-worker"]
    else:  # any file of root's will do: its owner is looked at before its content
        path, words = Path("/etc/passwd"), ["belongs to root (uid 0), and this is", "as root"]
    before = traces(at_rest.parent)

    for name, options in {**READING, **WRITING, "db upgrade": ""}.items():
        said = process.run(url(path), f"{name} {options.format(file=lines)}")
        told = said.out if name == "check" else one_line(said)
        assert said.code == 78
        assert [word for word in words if word not in told] == []

    assert traces(at_rest.parent) == before


@pytest.mark.parametrize("end", ["-wal", "-shm", "-journal"])
def test_a_side_file_of_another_user_is_named(process: CommandProcess, end: str, at_rest: Path) -> None:
    """One line says which one, whose it is, and what to type."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file away")
    side = at_rest.with_name(at_rest.name + end)
    side.touch()
    os.chown(side, NOBODY, NOBODY)

    line = one_line(process.run(url(at_rest), "status"))

    assert line.startswith(f"error: {side} belongs to ")
    assert f"`chown root {side}`" in line


def test_what_changes_while_it_is_read_without_a_lock_is_told(at_rest: Path) -> None:
    """A service that starts at that moment may write what was half read: the command is to be run again."""
    database = Database(url(at_rest), access="read")

    reading = ExitStack()
    reader = reading.enter_context(database.read())
    assert reader.exec_driver_sql("SELECT count(*) FROM invite").scalar() == 1
    with sqlite3.connect(at_rest) as other:
        other.execute("DELETE FROM invite")
    other.close()
    with pytest.raises(DatabaseConflict, match="changed while it was read"):
        reading.close()

    with database.read() as reader:
        assert reader.exec_driver_sql("SELECT count(*) FROM invite").scalar() == 0


def test_who_only_looks_cannot_write_by_mistake(database_url: str) -> None:
    """A reading command that would write is our mistake, and is found by its first test."""
    database = Database(database_url, access="read")

    with pytest.raises(RuntimeError, match="reading only"), database.write():
        pass
    database.dispose()
