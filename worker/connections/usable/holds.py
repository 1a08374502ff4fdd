"""Holds: a connection is not used until a stored time, for a stored reason.

Each call is a short transaction of its own.  While a hold lasts, refusals of requests that were
already on their way do not count again: one burst is one trouble.
"""

from datetime import datetime

import sqlalchemy as sa

from worker.backoff import BackOff
from worker.connections.model import CONNECTIONS, Connection
from worker.connections.rows import look
from worker.connections.states import HoldReason, WaitReason
from worker.connections.usable.moves import move
from worker.connections.usable.pace import cut, raised
from worker.connections.usable.rules import (
    HOLD_MAXIMUM,
    UNDISTURBED,
    Values,
    hold,
    in_force,
    is_for_a_person,
    paced,
    prolong,
)
from worker.database import Database
from worker.database.ahead import is_ahead
from worker.errors import EnvoyError

__all__ = ["Holds", "in_force", "is_held"]

FORBIDDEN_IN_A_ROW = 3
UNAUTHORISED_IN_A_ROW = 2

# What the next success has to put right; built once, for every success asks this.
DISTURBED = sa.select(sa.func.coalesce(CONNECTIONS.c.hold_reason, "")).where(
    CONNECTIONS.c.id == sa.bindparam("connection_id"),
    sa.or_(
        CONNECTIONS.c.hold_reason.is_not(None),
        CONNECTIONS.c.hold_count > 0,
        CONNECTIONS.c.forbidden_count > 0,
        CONNECTIONS.c.unauthorised_count > 0,
        CONNECTIONS.c.pace_per_second.is_not(None),
        CONNECTIONS.c.waits_for != WaitReason.PACE,
    ),
)


class Holds:
    """What the senders tell about a connection, and what follows from it."""

    def __init__(
        self, database: Database, *, hold_seconds: tuple[float, float], rate_per_second: float
    ) -> None:
        """Take the least and the most that a hold lasts, and the pace of undisturbed sending."""
        self._database = database
        self._back_off = BackOff(*hold_seconds)
        self._rate = rate_per_second

    def throttled(self, connection_id: int, retry_after: float | None) -> None:
        """Envoy said 429: hold for what it asked, at least our own back-off, and slow down."""

        def decide(row: Connection, now: datetime) -> Values:
            seconds = max(retry_after or 0.0, self._back_off.jittered(row.hold_count))
            slower: Values = {"pace_per_second": cut(row.pace_per_second, self._rate)}
            return hold(row, now, HoldReason.RATE_LIMITED, seconds) | slower

        def again(row: Connection, now: datetime) -> Values:
            return prolong(row, now, retry_after)

        move(self._database, connection_id, decide, while_held=again)

    def forbidden(self, connection_id: int) -> bool:
        """Envoy said 403; return whether the connection is held now, after three without a success."""

        def decide(row: Connection, now: datetime) -> Values:
            values: Values = {"forbidden_count": row.forbidden_count + 1}
            if row.forbidden_count + 1 < FORBIDDEN_IN_A_ROW:
                return values
            return values | hold(row, now, HoldReason.FORBIDDEN, self._back_off.most)

        return move(self._database, connection_id, decide)

    def unauthorised(self, connection_id: int, *, version: int | None) -> bool:
        """Envoy said 401 to a young token; return whether the connection is held now, after two tokens.

        *version* is the token's, None if nobody knows it.  However many requests are refused with one
        token, in however many processes, it counts once; and one that has a successor by now not at all.
        """

        def decide(row: Connection, now: datetime) -> Values:
            if version is None or version < row.token_version or version == row.refused_version:
                return {}
            count = row.unauthorised_count + 1
            values: Values = {"refused_version": version, "unauthorised_count": count}
            if count < UNAUTHORISED_IN_A_ROW:
                return values
            return values | hold(row, now, HoldReason.UNAUTHORISED, self._back_off.grown(row.hold_count))

        return move(self._database, connection_id, decide)

    def outage(self, connection_id: int, cause: EnvoyError | None = None) -> None:
        """Envoy does not answer properly: hold, longer each time; *cause* is told."""
        move(
            self._database,
            connection_id,
            lambda row, now: hold(row, now, HoldReason.OUTAGE, self._back_off.jittered(row.hold_count)),
            cause=cause,
        )

    def succeeded(self, connection_id: int) -> bool:
        """Envoy did as asked: forget past troubles, and raise the pace a little.

        A hold in force is not ended by a success that was already on its way.  Return whether it is
        held since Envoy refuses everyone, which it does not.
        """
        with self._database.read() as connection:
            disturbed = connection.execute(DISTURBED, {"connection_id": connection_id}).scalar()
        if disturbed is None:
            return False

        def decide(row: Connection, _: datetime) -> Values:
            values = UNDISTURBED | {"pace_per_second": raised(row.pace_per_second, self._rate)}
            # The wait for the next place is no trouble.
            return values | (paced(row) if row.waits_for == WaitReason.PACE else {})

        move(self._database, connection_id, decide)
        return bool(disturbed == HoldReason.REFUSES_ALL)

    def is_held(self, connection_id: int) -> bool:
        """Return whether a connection must not be used now."""
        row, now = look(self._database, connection_id)
        return row is not None and in_force(row, now)

    def forbidden_count(self, connection_id: int) -> int:
        """Return how many 403 came since the last success."""
        row, _ = look(self._database, connection_id)
        return 0 if row is None else row.forbidden_count


def is_held(database: Database) -> sa.ColumnElement[bool]:
    """Return the condition that a row of table ``connection`` has a hold in force."""
    own = CONNECTIONS.c
    for_a_person = is_for_a_person()
    lasting = is_ahead(database, own.held_until, HOLD_MAXIMUM, since=own.held_since)
    held = (for_a_person & (own.held_until.is_(None) | (own.held_until > database.now()))) | (
        own.hold_reason.is_not(None) & ~for_a_person & lasting
    )
    # Never NULL, so that it can be negated: a row without a hold has no reason.
    return sa.func.coalesce(held, sa.false())
