"""Leave nothing of what was deleted in SQLite's files, and give their space back."""

import shutil
import sqlite3
import threading
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from worker.database.engine import Database
from worker.database.failures import describe
from worker.database.sqlite.files import database_path

# All writers wait while a file is rewritten: so it is done to small ones only.
MOST_REWRITTEN_BYTES = 128 * 1024 * 1024
STEP_PAGES = 1000  # given back in one transaction
READER_PATIENCE_MS = 1000  # writers wait, too, while a reader is waited for


def give_back(database: Database, stop: threading.Event, *, freed: bool) -> bool:
    """Empty the write-ahead log, and say whether that was possible; PostgreSQL sees to it by itself.

    Where something was *freed*, its space goes back to the system.  A small file is rewritten: SQLite
    overwrites what is deleted, but not the copies that it made while it moved rows between pages.

    Raises:
        DatabaseLocked: another writer is at work for long.
    """
    if not database.is_sqlite:
        return True
    with database.outside() as connection:
        if freed and _is_small(database_path(database.url)):
            connection.exec_driver_sql("PRAGMA auto_vacuum = INCREMENTAL")
            connection.exec_driver_sql("VACUUM")
        elif freed:
            _release(connection, stop)
        return _empty_log(connection)


def _is_small(path: Path) -> bool:
    """Return whether the file is soon written again, and the disk has room for it: two copies more."""
    size = path.stat().st_size
    return size <= MOST_REWRITTEN_BYTES and shutil.disk_usage(path.parent).free > 3 * size


def _release(connection: sa.Connection, stop: threading.Event) -> None:
    """Cut free pages off the file; of one that was made without ``auto_vacuum`` nothing is cut off."""
    before = None
    while (free := _free_pages(connection)) and free != before and not stop.is_set():
        before = free
        _step(connection.connection.driver_connection)


def _step(raw: Any) -> None:  # noqa: ANN401 -- the driver's own type
    try:
        # Any other way of Python's driver frees a single page and stops.
        raw.executescript(f"PRAGMA incremental_vacuum({STEP_PAGES})")
    except sqlite3.OperationalError as error:
        failure = describe(error)
    else:
        return
    raise failure


def _empty_log(connection: sa.Connection) -> bool:
    """Bring the write-ahead log into the file and cut it off; say whether no reader was in the way."""
    patience = connection.exec_driver_sql("PRAGMA busy_timeout").scalar_one()
    connection.exec_driver_sql(f"PRAGMA busy_timeout = {READER_PATIENCE_MS}")
    try:
        busy, _, _ = connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)").one()
    finally:
        connection.exec_driver_sql(f"PRAGMA busy_timeout = {patience}")
    return not busy


def _free_pages(connection: sa.Connection) -> int:
    return int(connection.exec_driver_sql("PRAGMA freelist_count").scalar_one())
