"""Refreshes whose answers were lost: Envoy may carry one out late, and so end the grant.

A refresh token that comes twice is taken for stolen, and all tokens of its grant die.  Where the answer was
lost and a repeated post was answered, that looks well, until the first post is carried out after all.
"""

from datetime import datetime, timedelta

from worker.connections.model import Connection
from worker.database.ahead import age

# Gateways give up after minutes; what was not carried out within an hour never will be.
LATEST = timedelta(hours=1)
# A grant's end is found out by its next refresh: of one that nothing uses that is a week later.
LONGEST = timedelta(days=8)


def is_recent(row: Connection, now: datetime) -> bool:
    """Return whether an end that is found out *now* was soon after a refresh whose answer was lost."""
    passed = age(row.answer_lost_at, now)
    return passed is not None and passed <= LONGEST


def is_outlived(row: Connection, now: datetime) -> bool:
    """Return whether a refresh that began *now*, and was answered, shows that no lost answer did harm."""
    passed = age(row.answer_lost_at, now)
    return row.answer_lost_at is not None and (passed is None or passed >= LATEST)
