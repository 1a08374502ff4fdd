"""The file behind an SQLite database: what happens when it is taken away from those who use it."""

import os
import shutil
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import sqlalchemy as sa

from worker.database import Database
from worker.database.sqlite.mark import clear, is_marked, mark, unmark
from worker.errors import DatabaseReplaced, WorkerError

NOBODY = 65534
# Writes rows and dies as by `kill -9`: they are committed, and lie in the write-ahead log only.
KILLED = """
import os, sqlite3, sys
file = sqlite3.connect(sys.argv[1], isolation_level=None)
for number in range(int(sys.argv[2])):
    file.execute("INSERT INTO schema_compatibility VALUES (?)", (f"new-{number}",))
os._exit(0)
"""

# As a user whom rights count for: writes, cannot look into the folder for a while, and writes again.
CLOSED = """
import os, sys
from worker.database import Database
from worker.errors import WorkerError
if os.geteuid() == 0:
    os.setgroups([])
    os.setgid(65534)
    os.setuid(65534)
folder = os.path.dirname(sys.argv[1])
database = Database("sqlite:///" + sys.argv[1])
def put(name):
    try:
        with database.write() as connection:
            connection.exec_driver_sql("INSERT INTO schema_compatibility VALUES (?)", (name,))
            if name == "closed in between":
                os.chmod(folder, 0)
        print(name)
    except WorkerError as error:
        print(int(error.exit_code), error, error.hint)
put("before")
put("closed in between")
put("lost")
os.chmod(folder, 0o755)
put("after")
database.dispose()
"""


@pytest.fixture
def path(sqlite_url: str) -> Path:
    """Give the path of a database."""
    return Path(sqlite_url.removeprefix("sqlite:///"))


@pytest.fixture
def database(sqlite_url: str) -> Iterator[Database]:
    """Give that database in use: two connections, and a row that only the write-ahead log has."""
    opened = Database(sqlite_url)
    with opened.read() as reader:
        put(opened, "ours")
        reader.exec_driver_sql("SELECT 1")
    yield opened
    opened.dispose()


def put(database: Database, name: str) -> None:
    """Write a row."""
    with database.write() as connection:
        connection.exec_driver_sql("INSERT INTO schema_compatibility VALUES (?)", (name,))


def rows(path: Path) -> set[str]:
    """Return the rows of a file that is none of the migration's, read by another program."""
    with sqlite3.connect(path) as other:
        found = {row[0] for row in other.execute("SELECT revision FROM schema_compatibility")}
    other.close()
    return {name for name in found if not name.isdigit()}


def side(path: Path, end: str) -> Path:
    """Return a file that lies beside the database."""
    return path.with_name(path.name + end)


def write_and_die(path: Path, number: int) -> None:
    """Commit so many rows in another process, which then is gone without closing the file."""
    subprocess.run([sys.executable, "-c", KILLED, str(path), str(number)], check=True)


def restore(path: Path, backup: Path) -> None:
    """Restore a backup as one should not under a worker that runs."""
    shutil.move(backup, path)
    side(path, "-wal").unlink()
    side(path, "-shm").unlink()


@pytest.fixture
def backup(sqlite_template: Path, tmp_path: Path) -> Path:
    """Give a backup from before the row was written."""
    return Path(shutil.copy(sqlite_template, tmp_path / "backup.db"))


def swap_link(path: Path, backup: Path) -> None:
    """Let a link lead to the backup, as a deployment of releases by links does."""
    link = path.with_name("new-link")
    link.symlink_to(backup)
    link.replace(path)


def move_only(path: Path, backup: Path) -> None:
    """Forget the side files, which are the old file's."""
    shutil.move(backup, path)


@pytest.mark.parametrize("replace", [restore, swap_link, move_only])
def test_nothing_is_written_into_a_file_that_was_replaced(
    replace: Callable[[Path, Path], object], database: Database, path: Path, backup: Path
) -> None:
    """The next write is refused, with the file's path and what to type, and the new file is marked."""
    replace(path, backup)

    with pytest.raises(DatabaseReplaced, match="replaced while it was in use") as caught:
        put(database, "lost")
    database.dispose()

    assert str(path) in str(caught.value)
    assert "envoy-worker db restored" in caught.value.hint
    assert int(caught.value.exit_code) == 78
    assert is_marked(path)
    assert rows(path) == set()


@pytest.mark.parametrize("replace", [restore, move_only])
def test_what_is_in_the_new_file_is_there_when_the_old_one_is_closed(
    replace: Callable[[Path, Path], object], database: Database, path: Path, backup: Path
) -> None:
    """Neither its write-ahead log is removed, nor is anything of the old one brought into it."""
    replace(path, backup)
    with pytest.raises(DatabaseReplaced):
        put(database, "lost")
    write_and_die(path, 3)
    database.dispose()

    assert side(path, "-wal").stat().st_size > 0
    assert rows(path) == {"new-0", "new-1", "new-2"}


def test_no_connection_is_made_to_another_file(database: Database, path: Path, backup: Path) -> None:
    """One process never uses two files, be it for reading only."""
    with database.read(), database.read():
        restore(path, backup)
        with pytest.raises(DatabaseReplaced), database.read():
            pass


def test_a_file_that_is_gone_is_named_and_nothing_is_made_in_its_place(
    database: Database, path: Path
) -> None:
    """A file that is made again would look like a database of which all is lost."""
    path.unlink()

    with pytest.raises(DatabaseReplaced, match="removed or renamed"):
        put(database, "lost")
    with database.read(), database.read(), pytest.raises(DatabaseReplaced), database.read():
        pass

    assert not path.exists()
    assert not is_marked(path)


def test_what_is_put_in_the_place_of_a_file_that_is_gone_is_marked(
    database: Database, path: Path, backup: Path
) -> None:
    """Also long after the worker has ended; but the file itself may be renamed back."""
    elsewhere = path.with_name("elsewhere.db")
    path.rename(elsewhere)
    with pytest.raises(DatabaseReplaced, match="removed or renamed"):
        put(database, "lost")
    database.dispose()
    for end in ("-wal", "-shm"):
        side(path, end).unlink(missing_ok=True)

    shutil.copy(backup, path)
    assert is_marked(path)
    elsewhere.rename(path)
    assert not is_marked(path)
    clear(path)
    shutil.move(backup, path)
    assert not is_marked(path), "nobody used it then"
    mark(path)
    clear(path)
    assert is_marked(path)


def test_a_folder_above_that_is_renamed_takes_the_file_away(
    sqlite_template: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also where the path is a relative one, and so leads on to the file: others look where it was."""
    folder = tmp_path / "here"
    folder.mkdir()
    shutil.copy(sqlite_template, folder / "worker.db")
    monkeypatch.chdir(folder)
    database = Database("sqlite:///worker.db")
    put(database, "ours")
    folder.rename(tmp_path / "there")

    with pytest.raises(DatabaseReplaced):
        put(database, "lost")
    database.dispose()

    assert rows(tmp_path / "there" / "worker.db") == {"ours"}


def test_a_folder_that_cannot_be_looked_into_is_waited_for(sqlite_template: Path) -> None:
    """As while its owner is being repaired: the file may be there as ever, so that nothing ends for good."""
    with tempfile.TemporaryDirectory(prefix="envoy-worker-") as name:  # which every user reaches
        Path(name).chmod(0o755)
        (folder := Path(name) / "folder").mkdir()
        path = Path(shutil.copy(sqlite_template, folder / "worker.db"))
        if os.geteuid() == 0:
            for file in (folder, path):
                os.chown(file, NOBODY, NOBODY)
        done = subprocess.run(
            [sys.executable, "-c", CLOSED, str(path)], capture_output=True, text=True, check=True
        )
        marked, found = is_marked(path), rows(path)

    before, in_between, lost, after = done.stdout.splitlines()
    assert (before, in_between, after) == ("before", "closed in between", "after")
    assert lost.startswith("69 ")
    assert f"{path}: Permission denied" in lost
    assert "able to write to the file and its folder" in lost
    assert found == {"before", "closed in between", "after"}
    assert not marked


@pytest.mark.parametrize("gone", [("-wal",), ("-shm",), ("-wal", "-shm")])
def test_side_files_that_are_removed_end_the_work_and_lose_nothing(
    gone: tuple[str, ...], database: Database, path: Path
) -> None:
    """Written on, all that only the log had would be gone after a crash."""
    for end in gone:
        side(path, end).unlink()

    with pytest.raises(DatabaseReplaced, match=rf"worker\.db{gone[0]} was removed") as caught:
        put(database, "lost")

    assert "check --deep" in caught.value.hint
    assert not is_marked(path), "it is the same database"
    side(path, "-wal").unlink(missing_ok=True)
    shutil.copy(path, path.with_name("after-a-crash.db"))
    assert rows(path.with_name("after-a-crash.db")) == {"ours"}


def test_the_side_files_are_those_beside_what_a_link_leads_to(path: Path, tmp_path: Path) -> None:
    """There SQLite puts them."""
    (tmp_path / "folder").mkdir()
    link = tmp_path / "folder" / "link.db"
    link.symlink_to(path)
    database = Database(f"sqlite:///{link}")
    put(database, "ours")
    side(path, "-wal").unlink()

    with pytest.raises(DatabaseReplaced, match=r"worker\.db-wal was removed"):
        put(database, "lost")
    database.dispose()


@pytest.mark.parametrize("by", ["file", "link"])
def test_the_mark_is_seen_by_whichever_path_the_file_is_opened(
    by: str, path: Path, backup: Path, tmp_path: Path
) -> None:
    """As where each release has a folder of its own, with a link to the one file: the next one sees it."""
    links = [tmp_path / "release-1.db", tmp_path / "release-2.db"]
    for link in links:
        link.symlink_to(path)
    database = Database(f"sqlite:///{links[0]}")
    put(database, "ours")
    if by == "file":
        restore(path, backup)
    else:
        path = backup
        for link in links:
            link.unlink()
            link.symlink_to(backup)

    with pytest.raises(DatabaseReplaced):
        put(database, "lost")
    database.dispose()

    assert [is_marked(one) for one in (*links, path)] == [True, True, True]
    unmark(links[1])
    assert [is_marked(one) for one in (*links, path)] == [False, False, False]


def test_a_log_that_another_program_made_anew_is_a_replaced_file(database: Database, path: Path) -> None:
    """Two programs wrote without knowing of each other: what each of them wrote is doubtful."""
    side(path, "-wal").unlink()
    side(path, "-shm").unlink()
    write_and_die(path, 1)

    with pytest.raises(DatabaseReplaced, match=r"-wal was replaced"):
        put(database, "lost")

    assert is_marked(path)


def test_a_file_that_is_replaced_while_a_transaction_is_open_takes_no_commit(
    database: Database, path: Path, backup: Path
) -> None:
    """What was committed to a file that nobody opens again must not count as stored."""
    with pytest.raises(DatabaseReplaced), database.write() as connection:
        _put_and_restore(connection, path, backup)


def _put_and_restore(connection: sa.Connection, path: Path, backup: Path) -> None:
    connection.exec_driver_sql("INSERT INTO schema_compatibility VALUES ('lost')")
    restore(path, backup)


def test_the_new_file_is_marked_once(database: Database, path: Path, backup: Path) -> None:
    """An operator who has said what it is need not say it again to the process that is still ending."""
    restore(path, backup)
    for _ in range(2):
        with pytest.raises(WorkerError):
            put(database, "lost")
        side(path, "-restored").unlink(missing_ok=True)
    with pytest.raises(WorkerError):
        put(database, "lost")

    assert not is_marked(path)


def test_a_file_that_is_replaced_just_before_the_end_is_marked(
    database: Database, path: Path, backup: Path
) -> None:
    """Nothing was written any more that could have met it, and the next process knows only the new file."""
    restore(path, backup)
    database.dispose()

    assert is_marked(path)


def test_a_log_that_is_removed_before_the_file_is_replaced_hides_nothing(
    database: Database, path: Path, backup: Path
) -> None:
    """The log is missed first, as long as the file is still there; the mark comes with the new one."""
    side(path, "-wal").unlink()
    with pytest.raises(DatabaseReplaced, match="-wal was removed"):
        put(database, "lost")
    shutil.move(backup, path)
    database.dispose()

    assert is_marked(path)


def test_what_sqlite_itself_does_is_no_replacement(database: Database, path: Path) -> None:
    """Others come and go, the log is emptied, the file is written again, every connection is closed."""
    other = sqlite3.connect(path, isolation_level=None)
    other.execute("INSERT INTO schema_compatibility VALUES ('other')")
    other.close()
    put(database, "a")
    with database.outside() as connection:
        connection.exec_driver_sql("VACUUM")
        connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
    put(database, "b")
    database.dispose()
    assert not side(path, "-wal").exists()
    put(database, "c")

    assert rows(path) == {"ours", "other", "a", "b", "c"}


def test_a_backup_that_is_made_is_no_replacement(database: Database, path: Path) -> None:
    """As the docs say it is made."""
    with sqlite3.connect(path) as source, sqlite3.connect(path.with_name("copy.db")) as target:
        source.backup(target)
    source.execute(f"VACUUM INTO '{path.with_name('other.db')}'")
    source.close()
    target.close()

    put(database, "after")

    assert rows(path) == {"ours", "after"}
