"""The SQLite file is private, and whatever else lies in its place is a line, not a traceback."""

import os
import shutil
import sqlite3
import stat
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from worker.database import Database, schema
from worker.errors import DatabaseUnreachable, SettingsError

NOBODY = 65534
AS_NOBODY = """
import os, sys
from worker.database import Database
from worker.errors import WorkerError
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
try:
    options = dict(pair.split("=") for pair in sys.argv[2:])
    mode = int(options.pop("file_mode", "600"), 8)
    Database(sys.argv[1], file_mode=mode, **options).read_now()
    print("opened")
except WorkerError as error:
    print(int(error.exit_code), error)
    print(error.hint)
"""


def mode(path: Path) -> int:
    """Return a file's permissions."""
    return stat.S_IMODE(path.stat().st_mode)


def test_the_file_is_private_from_its_first_byte(tmp_path: Path) -> None:
    """A wide umask does not open it, and its side files take the same mode."""
    before = os.umask(0)
    try:
        database = Database(f"sqlite:///{tmp_path}/worker.db")
        assert mode(tmp_path / "worker.db") == 0o600
        schema.upgrade(database)
        with database.write() as connection:
            connection.exec_driver_sql("INSERT INTO schema_compatibility VALUES ('x')")
            modes = {file.name: mode(file) for file in tmp_path.iterdir()}
        database.dispose()
    finally:
        os.umask(before)

    assert modes == {"worker.db": 0o600, "worker.db-wal": 0o600, "worker.db-shm": 0o600}


def test_a_file_that_others_can_read_is_tightened(sqlite_url: str, tmp_path: Path) -> None:
    """So are side files that another program left open to all."""
    path = tmp_path / "worker.db"
    path.chmod(0o644)
    other = sqlite3.connect(path)
    other.execute("PRAGMA journal_mode = WAL")
    other.execute("INSERT INTO schema_compatibility VALUES ('x')")
    other.commit()
    assert mode(tmp_path / "worker.db-wal") == 0o644

    Database(sqlite_url).dispose()
    modes = [mode(file) for file in (path, tmp_path / "worker.db-wal", tmp_path / "worker.db-shm")]
    other.close()

    assert modes == [0o600] * 3


def test_a_wider_mode_can_be_wished_for(tmp_path: Path) -> None:
    """A caller in the same group may write the file; nobody's narrower mode is widened."""
    before = os.umask(0)
    try:
        Database(f"sqlite:///{tmp_path}/new.db", file_mode=0o660).dispose()
    finally:
        os.umask(before)
    (tmp_path / "old.db").touch(mode=0o600)
    Database(f"sqlite:///{tmp_path}/old.db", file_mode=0o660).dispose()

    assert mode(tmp_path / "new.db") == 0o660
    assert mode(tmp_path / "old.db") == 0o600


def test_a_directory_is_no_database(tmp_path: Path) -> None:
    """The line says what is wrong with the setting."""
    with pytest.raises(SettingsError, match="is a directory"):
        Database(f"sqlite:///{tmp_path}")


@pytest.mark.parametrize("content", [b"hello", b"#!/usr/bin/env python\nprint('a long text file')\n"])
def test_a_text_file_is_no_database(content: bytes, tmp_path: Path) -> None:
    """It is refused before anything is written to it."""
    path = tmp_path / "notes.txt"
    path.write_bytes(content)

    with pytest.raises(SettingsError, match="is not an SQLite database"):
        Database(f"sqlite:///{path}")

    assert path.read_bytes() == content


def test_a_file_in_a_directory_that_does_not_exist_cannot_be_made(tmp_path: Path) -> None:
    """The line names the file and the system's reason."""
    with pytest.raises(DatabaseUnreachable, match="No such file or directory"):
        Database(f"sqlite:///{tmp_path}/absent/worker.db")


@pytest.mark.parametrize("url", ["sqlite://", "sqlite:///:memory:", "sqlite:///file:worker.db"])
def test_a_database_in_memory_is_refused(url: str) -> None:
    """It would be lost with the process, and the tokens with it."""
    with pytest.raises(SettingsError, match="plain file"):
        Database(url)


def test_what_can_be_no_files_name_is_a_line() -> None:
    """Though a URL can spell it."""
    with pytest.raises(SettingsError, match="plain file"):
        Database("sqlite:///worker.db%00")


@pytest.fixture
def open_folder() -> Iterator[Path]:
    """Give a folder that every user reaches; pytest's own are for one user only."""
    with tempfile.TemporaryDirectory(prefix="envoy-worker-") as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder
        folder.chmod(0o700)


@pytest.fixture
def reached(open_folder: Path, sqlite_template: Path) -> Path:
    """Give a migrated file there."""
    return Path(shutil.copy(sqlite_template, open_folder / "worker.db"))


@pytest.mark.parametrize("place", ["file", "folder"])
def test_a_file_that_may_not_be_written_is_a_line(place: str, open_folder: Path) -> None:
    """Exit 69, the file, the system's reason, and whose rights are to be repaired."""
    path = open_folder / "worker.db"
    if place == "file":
        Database(url(path)).dispose()
    if os.geteuid() == 0:
        if place == "file":
            os.chown(path, NOBODY, NOBODY)
            path.chmod(0o400)
        shown = _as_nobody(path)
    else:
        (path if place == "file" else open_folder).chmod(0o400 if place == "file" else 0o500)
        with pytest.raises(DatabaseUnreachable) as caught:
            Database(url(path))
        shown = f"{int(caught.value.exit_code)} {caught.value}\n{caught.value.hint}"

    assert shown.startswith(f"69 {path}: ")
    assert "ermission" in shown
    assert "must be able to read and write" in shown


@pytest.mark.parametrize(
    ("wished", "present", "shown"), [("660", 0o660, "opened"), ("600", 0o660, "78"), ("660", 0o640, "78")]
)
def test_a_group_may_share_a_file_where_the_settings_say_so(
    wished: str, present: int, shown: str, reached: Path
) -> None:
    """As in a container whose user is another at each start: `file_mode` and the file let its group write."""
    if os.geteuid() != 0:
        pytest.skip("only root can give a file to another group")
    reached.parent.chmod(0o775)
    for shared in (reached.parent, reached):
        os.chown(shared, 0, NOBODY)
    reached.chmod(present)

    assert _as_nobody(reached, f"file_mode={wished}").split()[0] == shown
    assert mode(reached) == present


def test_who_only_looks_needs_no_right_to_write(reached: Path) -> None:
    """Neither to the file nor to its folder, where no file is made."""
    reached.chmod(0o400)
    reached.parent.chmod(0o555)
    if os.geteuid() == 0:
        os.chown(reached, NOBODY, NOBODY)
        assert _as_nobody(reached, "access=read") == "opened\n"
    else:
        Database(url(reached), access="read").read_now()

    assert [file.name for file in reached.parent.iterdir()] == [reached.name]


def url(path: Path) -> str:
    """Return the URL of a file."""
    return f"sqlite:///{path}"


def _as_nobody(path: Path, *options: str) -> str:
    """Return what opening the file comes to for a user who may not write everything, as root may."""
    done = subprocess.run(
        [sys.executable, "-c", AS_NOBODY, url(path), *options],
        capture_output=True,
        text=True,
        check=True,
        cwd=Path(__file__).parents[3],
    )
    return done.stdout
