"""The clock rule: a stored time that lies further ahead than it can came from a clock that was wrong.

Until then nobody waits: what is put further ahead than it ever is counts as over.
"""

from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa

from worker.database.engine import Database

# A reader's transaction may have begun before the writer's, so that only what is much further ahead is taken
# for a clock's fault.
SLACK_SECONDS = 60.0
# A wait that was begun further ahead than this was begun by a clock that was put back since: it is over.
# Taken for over too early it costs a request, so that the slack is small.
STEP_SECONDS = 5.0


def is_ahead(
    database: Database,
    moment: sa.ColumnElement[Any],
    most_seconds: float,
    *,
    since: sa.ColumnElement[Any],
) -> sa.ColumnElement[bool]:
    """Return the condition that says the same as `lies_ahead`; it may be NULL where a column is."""
    return sa.and_(
        moment > database.now(),
        moment <= database.later(most_seconds + SLACK_SECONDS),
        sa.or_(since.is_(None), since <= database.later(STEP_SECONDS)),
    )


def lies_ahead(
    moment: datetime | None,
    now: datetime,
    most_seconds: float,
    *,
    since: datetime | None = None,
    slack: float = SLACK_SECONDS,
) -> bool:
    """Return whether *moment* is still to come.

    What lies further ahead than it was ever put came from a clock that was wrong, and is over; and so is a
    wait that began, *since* then, further ahead than now.  *now* is the start of the reader's transaction; a
    lease taken just after it ends a little further ahead.
    """
    if since is not None and since > now + timedelta(seconds=STEP_SECONDS):
        return False
    return moment is not None and now < moment <= now + timedelta(seconds=most_seconds + slack)


def age(moment: datetime | None, now: datetime) -> timedelta | None:
    """Return how long ago something was; None if it never was, or a wrong clock said when."""
    passed = None if moment is None else now - moment
    return passed if passed is not None and passed >= timedelta(seconds=-SLACK_SECONDS) else None


def is_too_far(
    database: Database, moment: sa.ColumnElement[Any], most_seconds: float
) -> sa.ColumnElement[bool]:
    """Return the condition that a moment lies further ahead than it was ever put."""
    return moment > database.later(most_seconds + SLACK_SECONDS)


def is_still_to_be(database: Database, moment: sa.ColumnElement[Any]) -> sa.ColumnElement[bool]:
    """Return the condition that what was done at a moment lies ahead of now: a clock was put back since."""
    return moment > database.later(STEP_SECONDS)


def has_ended(
    database: Database, until: sa.ColumnElement[Any], most_seconds: float
) -> sa.ColumnElement[bool]:
    """Return the condition that a lease of at most so long is over, or was taken by a wrong clock."""
    return sa.or_(until < database.now(), is_too_far(database, until, most_seconds))
