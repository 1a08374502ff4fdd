"""What a database failure means to its caller; no bound value is ever shown."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from worker.database.troubles import Troubles
from worker.errors import DatabaseLocked, DatabaseUnreachable, DiskFull, SchemaError, WorkerError

POSTGRESQL_DISK_FULL = "53100"
POSTGRESQL_LOCKED = "55P03"  # a lock timeout
POSTGRESQL_READ_ONLY = "25006"
POSTGRESQL_NO_TABLE = "42P01"
UPGRADE_HINT = "run `envoy-worker db upgrade`"


@contextmanager
def translated(troubles: Troubles) -> Iterator[None]:
    """Turn the driver's troubles into ours; errors of data and constraints pass unchanged."""
    failure: WorkerError
    try:
        yield
    except (sa.exc.OperationalError, sa.exc.InterfaceError, sa.exc.TimeoutError) as error:
        failure = describe(error)
    except (sa.exc.ProgrammingError, sa.exc.InternalError) as error:
        if getattr(error.orig, "sqlstate", None) not in {POSTGRESQL_NO_TABLE, POSTGRESQL_READ_ONLY}:
            raise
        failure = describe(error)
    else:
        return
    if isinstance(failure, DatabaseUnreachable | DiskFull):
        troubles.failed(failure)
    # Raised out here so that no statement and no value travels along as the cause.
    raise failure from None


def describe(error: Exception) -> WorkerError:
    """Return our error for a driver's; its text is the first line of the driver's, without values."""
    original = getattr(error, "orig", None) or error
    text = (str(original).strip().splitlines() or ["no answer"])[0]
    state = getattr(original, "sqlstate", None)
    if "no such table" in text or state == POSTGRESQL_NO_TABLE:
        return SchemaError("the database has no tables of the worker yet", hint=UPGRADE_HINT)
    if "database or disk is full" in text or state == POSTGRESQL_DISK_FULL:
        return DiskFull("the disk of the database is full", hint="make room; nothing was lost")
    if "locked" in text or state == POSTGRESQL_LOCKED:
        return locked()
    return DatabaseUnreachable(
        f"database: {_without_credentials(text)}", hint="check DATABASE_URL and the server"
    )


def locked() -> DatabaseLocked:
    """Return the error of what had to wait for another writer for too long."""
    return DatabaseLocked(
        "the database is locked by another writer", hint="find the process that keeps a transaction open"
    )


def is_locked(error: Exception) -> bool:
    """Tell whether a statement only had to wait for another writer for too long."""
    return isinstance(describe(error), DatabaseLocked)


def _without_credentials(text: str) -> str:
    return " ".join(word for word in text.split() if "@" not in word and "password=" not in word)
