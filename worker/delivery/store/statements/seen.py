"""What a conditional write compares with what was seen when it was decided: one rule for all of them.

The token changes with the next attempt and with a person's verdict, and with nothing else: the answer of
an attempt that comes late must still find its row.  So a row that was settled by such an answer has the
token that it had before.  What tells it apart is Envoy's id, which is therefore compared as well.
"""

from typing import Any, Protocol

import sqlalchemy as sa

from worker.database.statements.compiled import Given, Types
from worker.delivery.due import DueRow
from worker.invites.literals import PENDING
from worker.invites.model import DELIVERIES


class Seen(Protocol):
    """The values of a row as it was seen: see `seen_of`."""

    def __getitem__(self, name: str, /) -> sa.ColumnElement[Any]:
        """Return the expression for one of them."""


SEEN: Types = {
    "seen_delivery": sa.BigInteger(),
    "seen_token": sa.BigInteger(),
    "seen_envoy_id": sa.Text(),
    "seen_revision": sa.BigInteger(),
}
_BOUND = {name: sa.bindparam(name, type_=kind) for name, kind in SEEN.items()}


def is_as_seen(seen: Seen = _BOUND) -> sa.ColumnElement[bool]:
    """Return whether nobody has tried or settled the row since."""
    own = DELIVERIES.c
    return sa.and_(
        own.id == seen["seen_delivery"],
        own.fencing_token == seen["seen_token"],
        own.envoy_invite_id.is_not_distinct_from(seen["seen_envoy_id"]),
    )


def is_as_planned(seen: Seen = _BOUND) -> sa.ColumnElement[bool]:
    """Return whether what was planned for a due row is still what is to be done about it."""
    own = DELIVERIES.c
    return sa.and_(is_as_seen(seen), own.status == PENDING, own.revision == seen["seen_revision"])


def seen_of(row: DueRow, *, token: int | None = None) -> dict[str, Any]:
    """Return the values of a row as it was planned; *token* is that of the attempt made since."""
    return {
        "seen_delivery": row.delivery_id,
        "seen_token": row.fencing_token if token is None else token,
        "seen_envoy_id": row.envoy_invite_id,
        "seen_revision": row.revision,
    }


def free_rows(given: Given) -> sa.CTE:
    """Return those of the rows that nobody has locked, locked from now on; for PostgreSQL only."""
    ids = sa.select(DELIVERIES.c.id).where(DELIVERIES.c.id.in_(sa.select(given["seen_delivery"])))
    return ids.order_by(DELIVERIES.c.id).with_for_update(skip_locked=True).cte("free")
