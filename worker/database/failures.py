"""What a database failure means to its caller; no bound value is ever shown."""

from collections.abc import Iterator
from contextlib import contextmanager

import sqlalchemy as sa

from worker.database.meanings import POSTGRESQL, SQLITE, SQLITE_TEXTS, Failure, Meaning, unreachable
from worker.database.troubles import Troubles
from worker.errors import (
    ChangeRefused,
    DatabaseConflict,
    DatabaseLocked,
    DatabaseUnfit,
    DatabaseUnreachable,
    DiskFull,
    SchemaError,
    WorkerError,
)

# Whatever keeps a transaction from being stored: ours, or what is data's or a statement's fault.
AWAY = (DatabaseUnreachable, DiskFull)  # it takes nothing now, and may later
OF_NO_USE = (*AWAY, DatabaseUnfit, SchemaError)
DATABASE_ERRORS: tuple[type[Exception], ...] = (WorkerError, sa.exc.SQLAlchemyError)
# The driver's errors that are a mistake of ours where the server's state is not listed below.
_OF_OURS = (sa.exc.ProgrammingError, sa.exc.NotSupportedError)


@contextmanager
def translated(troubles: Troubles) -> Iterator[None]:
    """Turn the driver's troubles into ours; errors of data and constraints pass unchanged."""
    try:
        yield
    except (sa.exc.DBAPIError, sa.exc.TimeoutError) as error:
        failure = meaning_of(error)
        if failure is None:
            raise
    else:
        return
    if isinstance(failure, AWAY) and not isinstance(failure, DatabaseConflict):
        troubles.failed(failure)
    # Raised out here so that no statement and no value travels along as the cause.
    raise failure from None


def describe(error: Exception) -> WorkerError:
    """Return our error for a driver's; its text is the first line of the driver's, without values."""
    return meaning_of(error) or unreachable(_failure(error))


def meaning_of(error: Exception) -> WorkerError | None:
    """Return our error for a driver's, None if data or a statement of ours is at fault."""
    if isinstance(error, sa.exc.IntegrityError | sa.exc.DataError):
        return None
    meaning = _listed(getattr(error, "orig", None) or error)
    if meaning is None and isinstance(error, _OF_OURS):
        return None
    return (meaning or unreachable)(_failure(error))


def is_locked(error: Exception) -> bool:
    """Return whether a statement only had to wait for another writer for too long."""
    return isinstance(describe(error), DatabaseLocked)


def is_of_one_statement(error: Exception) -> bool:
    """Return whether a transaction failed for what one of its statements wrote: others may go through."""
    return not isinstance(error, WorkerError) or isinstance(error, DatabaseConflict | ChangeRefused)


def may_be_committed(error: Exception) -> bool:
    """Return whether a transaction that failed so may have been committed all the same: nobody has heard."""
    is_rolled_back = isinstance(error, DatabaseLocked | DatabaseConflict | ChangeRefused)
    return isinstance(error, AWAY) and not is_rolled_back


def is_taken(error: sa.exc.IntegrityError) -> bool:
    """Return whether another row has a value that may be there once only."""
    name = getattr(error.orig, "sqlite_errorname", None) or ""
    return getattr(error.orig, "sqlstate", None) == "23505" or name.endswith(("_UNIQUE", "_PRIMARYKEY"))


def _failure(error: Exception) -> Failure:
    original = getattr(error, "orig", None) or error
    diagnosis = getattr(original, "diag", None)
    text = (str(original).strip().splitlines() or ["no answer"])[0]
    context = (getattr(diagnosis, "context", None) or "").splitlines()
    return Failure(_without_credentials(text), next(iter(context), ""))


def _listed(original: object) -> Meaning | None:
    state = getattr(original, "sqlstate", None)
    if state is not None:
        return POSTGRESQL.get(state) or POSTGRESQL.get(state[:2])
    name: str = getattr(original, "sqlite_errorname", None) or ""
    primary = "_".join(name.split("_")[:2])
    by_text = (meaning for text, meaning in SQLITE_TEXTS.items() if text in str(original))
    return SQLITE.get(name) or SQLITE.get(primary) or next(by_text, None)


def _without_credentials(text: str) -> str:
    return " ".join(word for word in text.split() if "@" not in word and "password=" not in word)
