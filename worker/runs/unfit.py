"""What the error of a run means for the process: it ends for what no later run will find repaired."""

from worker.context import Context
from worker.database.failures import AWAY
from worker.database.schema import require_fit
from worker.errors import (
    DatabaseConflict,
    DatabaseUnfit,
    KeysLost,
    SchemaError,
    WorkerError,
)


class SchemaUnfit(SchemaError):
    """Another release has migrated the database since this process began."""


def is_told_once(error: WorkerError) -> bool:
    """Return whether many runs meet it, so that the database, or the end of the process, tells it for all."""
    many = isinstance(error, (*AWAY, DatabaseUnfit, SchemaUnfit, KeysLost))
    return many and not isinstance(error, DatabaseConflict)


def understood(context: Context, error: Exception) -> WorkerError | None:
    """Return what is wrong, None if it is a bug; the process is told to end where that is needed."""
    meant = error if isinstance(error, WorkerError) else None
    if meant is None or isinstance(meant, SchemaError):
        meant = _unfit_schema(context) or meant
    if isinstance(meant, DatabaseUnfit | SchemaUnfit | KeysLost):
        context.end_for(meant)
    return meant


def _unfit_schema(context: Context) -> SchemaUnfit | None:
    """Return why this release cannot run on the schema, None if it can, or nobody knows."""
    try:
        require_fit(context.any_database)
    except SchemaError as error:
        return SchemaUnfit(str(error), hint=error.hint)
    except WorkerError:
        return None
    return None
