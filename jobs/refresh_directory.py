"""Read every connection's locations and flows from Envoy, all pages.

Names in invites are resolved against what this job has stored; what Envoy no longer shows is gone from
it.  A connection that cannot be read keeps its old directory, and the others go on.

Parameters: `max_age` (3600 s): a younger directory is not read again.
"""

from datetime import datetime, timedelta

import structlog

from worker.connections import store
from worker.connections.model import Connection, ConnectionStatus
from worker.database.engine import STEP_SECONDS
from worker.directory import refresh
from worker.errors import EnvoyError, NeedsAuthorisation, TryLater
from worker.report import Report
from worker.runs import RunContext, Seconds

SLACK = timedelta(seconds=STEP_SECONDS)

log = structlog.get_logger()


def run(context: RunContext, *, max_age: Seconds = 3600) -> Report:
    """Refresh the directories that are older than *max_age* seconds."""
    report = Report()
    now = context.database.read_now()
    for connection in store.connections(context.database):
        young = _is_young(connection.directory_refreshed_at, now, max_age)
        wanted = context.connection in {None, connection.name}
        if young or not wanted or connection.status != ConnectionStatus.ACTIVE or context.stop.is_set():
            continue
        _refresh(context, connection, report)
    return report


def _is_young(read_at: datetime | None, now: datetime, max_age: float) -> bool:
    """Say whether a directory need not be read again; one that lies ahead was read by a wrong clock."""
    return read_at is not None and -SLACK <= now - read_at < timedelta(seconds=max_age)


def _refresh(context: RunContext, connection: Connection, report: Report) -> None:
    if connection.id is None or context.holds.is_held(connection.id):
        report.add("held")
        return
    try:
        refresh(context.database, context.api, context.tokens, connection)
    except (EnvoyError, NeedsAuthorisation, TryLater) as error:
        report.trouble(error.exit_code)
        if context.stop.is_set():
            return  # it was given up, and says nothing of the customer
        report.add("failed")
        if isinstance(error, EnvoyError):  # the others are told where they are found
            log.warning(
                "directory.refresh_failed",
                connection=connection.name,
                http_status=error.http_status,
                error_code=error.error_code,
            )
    else:
        report.add("refreshed")
