"""The table of what the databases' own words for a failure mean; see `failures` for how it is looked up."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from worker.errors import (
    ChangeRefused,
    DatabaseConflict,
    DatabaseDamaged,
    DatabaseLocked,
    DatabaseRefused,
    DatabaseReplaced,
    DatabaseUnfit,
    DatabaseUnreachable,
    DiskFull,
    RightMissing,
    SchemaError,
    WorkerError,
)

UPGRADE_HINT = "run `envoy-worker db upgrade`"
DAMAGED_HINT = (
    "stop all that uses it, keep copies of it and of its -wal, restore a backup, then run `envoy-worker db"
    " restored`; a -wal left over from another file may be the cause: docs/operating.md, 'The database file"
    " is damaged'"
)
REPLACED_HINT = "docs/operating.md, 'The database file was replaced'; then run `envoy-worker db restored`"


@dataclass(frozen=True, slots=True)
class Failure:
    """What the driver says: its first line, and where the server was in which function of its own."""

    text: str
    where: str = ""


Meaning = Callable[[Failure], WorkerError]


def locked() -> DatabaseLocked:
    """Return the error of what had to wait for another writer for too long."""
    return DatabaseLocked(
        "the database is locked by another writer", hint="find the process that keeps a transaction open"
    )


def unreachable(failure: Failure) -> WorkerError:
    """Return that the database does not answer, or not as it should; the meaning of what is not listed."""
    return DatabaseUnreachable(f"database: {failure.text}", hint="check DATABASE_URL and the server")


def _no_tables(_failure: Failure) -> WorkerError:
    return SchemaError("the database has no tables of the worker yet", hint=UPGRADE_HINT)


def _other_tables(failure: Failure) -> WorkerError:
    return SchemaError(
        f"the database's tables are not those of this release: {failure.text}", hint=UPGRADE_HINT
    )


def _full(_failure: Failure) -> WorkerError:
    return DiskFull("the disk of the database is full", hint="make room; nothing was lost")


def _locked(_failure: Failure) -> WorkerError:
    return locked()


def _conflict(failure: Failure) -> WorkerError:
    return DatabaseConflict(
        f"database: {failure.text}, again and again",
        hint="find what writes to the same rows in another order; nothing was lost",
    )


def _damaged(failure: Failure) -> WorkerError:
    return DatabaseDamaged(f"the database file is damaged: {failure.text}", hint=DAMAGED_HINT)


def _too_new(failure: Failure) -> WorkerError:
    return DatabaseUnfit(
        f"database: {failure.text}", hint="a newer SQLite has written it: install that one, or a later one"
    )


def _moved(_failure: Failure) -> WorkerError:
    return DatabaseReplaced("the database file was moved while it was in use", hint=REPLACED_HINT)


def _file(failure: Failure) -> WorkerError:
    return DatabaseUnreachable(
        f"database: {failure.text}",
        hint="is the disk in order? The worker's user must be able to write to the file and its folder",
    )


def _cancelled(failure: Failure) -> WorkerError:
    return ChangeRefused(
        f"database: {failure.text}",
        hint="the role's or the server's statement_timeout is too short, or somebody cancelled it",
    )


def _own_rule(failure: Failure) -> WorkerError:
    # The words of another application's function may hold the row; its name does not.  It may refuse one
    # row only, for which the others must not stop: so this is a database that is away, and not unfit.
    place = failure.where if failure.where.startswith("PL/pgSQL function") else "a trigger or function"
    return ChangeRefused(
        f"database: {place} refused a change", hint="look at the triggers on the worker's tables"
    )


def _no_writes(failure: Failure) -> WorkerError:
    return DatabaseUnreachable(
        f"database: {failure.text}",
        hint="a standby, or default_transaction_read_only: lead DATABASE_URL to the server that takes writes",
    )


def _right_missing(failure: Failure) -> WorkerError:
    return RightMissing(
        f"database: {failure.text}",
        hint="grant the worker's role what it needs, or give it a schema of its own (docs/sql-contract.md)",
    )


def _no_schema(failure: Failure) -> WorkerError:
    return DatabaseRefused(
        f"database: {failure.text}", hint="ALTER ROLE name SET search_path = schema, with one that is there"
    )


def _taken(failure: Failure) -> WorkerError:
    return DatabaseRefused(
        f"database: {failure.text}",
        hint="another application has it, or an older release's backup was restored over newer tables: give"
        " the worker a database of its own, new and empty, or on PostgreSQL a schema (docs/sql-contract.md)",
    )


# By SQLSTATE; what is not listed, by its class of two characters.  A server that is not as it should be
# is away: it may be repaired by itself, and what waits for it goes on then.
POSTGRESQL: Mapping[str, Meaning] = {
    "08": unreachable,  # the connection
    "0A000": unreachable,  # what was prepared is of a table as it was before a migration: it is forgotten now
    "25": unreachable,  # 25P03: idle in a transaction for too long
    "25006": _no_writes,
    "26": unreachable,  # a prepared statement is gone: a pooler that was not seen
    "28": unreachable,  # who we are is not accepted
    "3D": unreachable,  # there is no such database
    "3F": _no_schema,
    "40": _conflict,  # rolled back for another's sake
    "40002": unreachable,
    "40003": unreachable,  # whether it was committed is not known
    "42501": _right_missing,
    "42701": _taken,  # a column, a function, a trigger or type, a table or view
    "42723": _taken,
    "42710": _taken,
    "42P07": _taken,
    "42P01": _no_tables,
    "42P05": unreachable,  # a prepared statement is there already: the same pooler
    "53": unreachable,  # the server has no connection or memory left
    "53100": _full,
    "55": unreachable,  # an object is in use
    "55P03": _locked,  # a lock timeout
    "57": unreachable,  # it starts up, or shuts down
    "57014": _cancelled,
    "58": unreachable,  # the server's system
    "72": unreachable,
    "P0": _own_rule,
    "XX": unreachable,
}

# By SQLite's name of the error; what is not listed, by the first two words of it.
SQLITE: Mapping[str, Meaning] = {
    "SQLITE_BUSY": _locked,
    "SQLITE_CANTOPEN": _file,
    "SQLITE_CORRUPT": _damaged,
    "SQLITE_FORMAT": _damaged,
    "SQLITE_FULL": _full,
    "SQLITE_IOERR": _file,
    "SQLITE_IOERR_CORRUPTFS": _damaged,
    "SQLITE_IOERR_DATA": _damaged,  # a checksum is wrong
    "SQLITE_IOERR_SHORT_READ": _damaged,
    "SQLITE_LOCKED": _locked,
    "SQLITE_NOTADB": _damaged,  # or encrypted, or something else
    "SQLITE_PERM": _file,
    "SQLITE_PROTOCOL": _locked,
    "SQLITE_READONLY": _file,
    "SQLITE_READONLY_DBMOVED": _moved,
}
SQLITE_TEXTS: Mapping[str, Meaning] = {
    "unsupported file format": _too_new,
    "no such table": _no_tables,
    "no such column": _other_tables,
    "has no column named": _other_tables,
    "already exists": _taken,
}
