"""Read every connection's locations and flows from Envoy, all pages.

Names in invites are resolved against what this job has stored; what Envoy no longer shows is gone from
it.  A connection that cannot be read keeps its old directory, and the others go on.

Parameters: `max_age` (3600 s): a younger directory is not read again.  `readers` (6): so many connections
are read at once.
"""

from typing import Annotated

from pydantic import Field

from worker.context import MOST_READERS
from worker.directory import DuePages, Round
from worker.report import Report
from worker.runs import RunContext, Seconds

Readers = Annotated[int, Field(ge=1, le=MOST_READERS)]


def run(context: RunContext, *, max_age: Seconds = 3600, readers: Readers = MOST_READERS) -> Report:
    """Refresh the directories that are older than *max_age* seconds, *readers* at once."""
    due = DuePages(context.database, max_age=max_age, only=context.connection)
    return Round(context.database, context.api, context.tokens, due, readers, context.stop).run()
