"""The other ids under which Envoy may hold one and the same visit: none of them may stay unsaid."""

from typing import Any

import sqlalchemy as sa

from worker.database import Database
from worker.delivery.outcomes import Outcome
from worker.delivery.store.claims import Claim
from worker.invites import Kind, Verdict
from worker.invites.model import ATTEMPTS, DELIVERIES


def id_of(database: Database, delivery_id: int) -> str | None:
    """Return the id that the row has now."""
    query = sa.select(DELIVERIES.c.envoy_invite_id).where(DELIVERIES.c.id == delivery_id)
    with database.read() as connection:
        found: str | None = connection.execute(query).scalar()
    return found


def rival_of(database: Database, claim: Claim, outcome: Outcome) -> str | None:
    """Return another id than the answer's: the row's, or one that came late while this attempt was made."""
    mine = outcome.envoy_invite_id
    if mine is None:
        return None
    present = id_of(database, claim.delivery_id)
    if present not in {None, mine}:
        return present
    with database.read() as connection:
        found: str | None = connection.execute(_answered_since(claim, mine)).scalar()
    return found


def _answered_since(claim: Claim, mine: str) -> sa.Select[Any]:
    """Select what creates before this one were answered since it began: what it replaced is older."""
    line = ATTEMPTS.c
    began = sa.select(line.started_at).where(line.id == claim.attempt_id).scalar_subquery()
    return (
        sa.select(line.envoy_invite_id)
        .where(line.delivery_id == claim.delivery_id, line.kind == Kind.CREATE, line.verdict == Verdict.SENT)
        .where(line.envoy_invite_id != mine, line.finished_at >= began)
        .limit(1)
    )
