"""What a conditional write compares with what was seen when it was decided: one rule for all of them.

The token changes with the next attempt and with a person's verdict, and with nothing else: the answer of
an attempt that comes late must still find its row.  So a row that was settled by such an answer has the
token that it had before.  What tells it apart is Envoy's id, which is therefore compared as well.
"""

from typing import Any

import sqlalchemy as sa

from worker.delivery.rows import DELIVERIES, PENDING, DueRow


def is_as_seen() -> sa.ColumnElement[bool]:
    """Say whether nobody has tried or settled the row since."""
    own = DELIVERIES.c
    return sa.and_(
        own.id == sa.bindparam("seen_delivery"),
        own.fencing_token == sa.bindparam("seen_token"),
        own.envoy_invite_id.is_not_distinct_from(sa.bindparam("seen_envoy_id", type_=sa.Text())),
    )


def is_as_planned() -> sa.ColumnElement[bool]:
    """Say whether what was planned for a due row is still what is to be done about it."""
    own = DELIVERIES.c
    return sa.and_(is_as_seen(), own.status == PENDING, own.revision == sa.bindparam("seen_revision"))


def seen_of(row: DueRow, *, token: int | None = None) -> dict[str, Any]:
    """Return the values of a row as it was planned; *token* is that of the attempt made since."""
    return {
        "seen_delivery": row.delivery_id,
        "seen_token": row.fencing_token if token is None else token,
        "seen_envoy_id": row.envoy_invite_id,
        "seen_revision": row.revision,
    }
