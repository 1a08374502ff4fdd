"""Store verdicts: fenced, so that a late answer settles its own attempt and no other."""

import random
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum, auto

import sqlalchemy as sa

from worker.database import Database
from worker.delivery.claim import Claim
from worker.delivery.outcomes import Outcome
from worker.delivery.plan import Settled
from worker.delivery.rows import ATTEMPTS, DELIVERIES, PENDING, DueRow
from worker.invites import Status, Verdict

LONGEST_DETAIL = 500


class Stored(Enum):
    """What became of a verdict."""

    SETTLED = auto()
    STALE = auto()  # the row has moved on; the ledger has the verdict
    OTHER_ID = auto()  # the row has moved on, and holds another Envoy id than this answer's


@dataclass(frozen=True, slots=True)
class BackOff:
    """How long a deferred invite waits: full jitter between the least and a doubling most."""

    least: float
    most: float

    def seconds(self, deferrals: int) -> float:
        """Return the wait after so many deferrals in a row."""
        ceiling = min(self.most, self.least * 2 ** min(deferrals, 30))
        return max(self.least, random.uniform(0, ceiling))  # noqa: S311 -- jitter guards no secret


def store(database: Database, row: DueRow, claim: Claim, outcome: Outcome, back_off: BackOff) -> Stored:
    """Write one attempt's verdict to the ledger and, where the row still waits for it, to the row."""
    with database.write() as connection:
        settled = connection.execute(_settle(database, row, claim, outcome, back_off)).rowcount
        connection.execute(_to_ledger(database, claim, outcome))
        if settled:
            return Stored.SETTLED
        present = connection.execute(
            sa.select(DELIVERIES.c.envoy_invite_id).where(DELIVERIES.c.id == claim.delivery_id)
        ).scalar()
    return Stored.OTHER_ID if outcome.envoy_invite_id not in {None, present} else Stored.STALE


def settle_without_call(database: Database, decided: Sequence[tuple[DueRow, Settled]]) -> int:
    """Finish rows for which nothing has to be sent, all in one transaction; return how many were."""
    with database.write() as connection:
        return sum(
            connection.execute(_finish(database, row, settled)).rowcount for row, settled in decided
        )


def _settle(
    database: Database, row: DueRow, claim: Claim, outcome: Outcome, back_off: BackOff
) -> sa.Update:
    own = DELIVERIES.c
    unchanged = own.revision == claim.revision
    wait = back_off.seconds(row.deferrals) if outcome.back_off else 0.0
    # A doubtful create settles first; only then the newest revision is looked at.
    stays = outcome.status is Status.UNKNOWN
    return (
        sa.update(DELIVERIES)
        .where(
            own.id == claim.delivery_id,
            own.fencing_token == claim.fencing_token,
            own.status.in_([Status.SENDING, Status.UNKNOWN]),
        )
        .values(
            status=outcome.status if stays else sa.case((unchanged, outcome.status), else_=PENDING),
            next_attempt_at=sa.case((unchanged, database.later(wait)), else_=database.now()),
            attempts=own.attempts if outcome.counts_as_attempt else own.attempts - 1,
            deferrals=own.deferrals + 1 if outcome.back_off else 0,
            error_code=outcome.error_code,
            error_detail=(outcome.detail or "")[:LONGEST_DETAIL] or None,
            unknown_since=database.now() if stays else None,
            content_key=own.content_key if stays else None,
            lease_owner=None,
            lease_until=None,
            updated_at=database.now(),
            **_if_sent(database, claim, outcome),
        )
    )


def _if_sent(database: Database, claim: Claim, outcome: Outcome) -> dict[str, object]:
    if outcome.verdict is not Verdict.SENT:
        return {}
    return {
        "envoy_invite_id": outcome.envoy_invite_id,
        "approval_status": outcome.approval_status,
        "sent_content": outcome.content,
        "sent_revision": claim.revision,
        "sent_at": database.now(),
    }


def _to_ledger(database: Database, claim: Claim, outcome: Outcome) -> sa.Update:
    return (
        sa.update(ATTEMPTS)
        .where(ATTEMPTS.c.id == claim.attempt_id, ATTEMPTS.c.verdict.is_(None))
        .values(
            verdict=outcome.verdict,
            finished_at=database.now(),
            http_status=outcome.http_status,
            error_code=outcome.error_code,
            detail=(outcome.detail or "")[:LONGEST_DETAIL] or None,
            envoy_invite_id=outcome.envoy_invite_id,
        )
    )


def _finish(database: Database, row: DueRow, settled: Settled) -> sa.Update:
    own = DELIVERIES.c
    values: dict[str, object] = {
        "status": settled.status,
        "error_code": settled.error_code,
        "error_detail": (settled.error_detail or "")[:LONGEST_DETAIL] or None,
        "deferrals": 0,
        "updated_at": database.now(),
    }
    if settled.visit_end is not None:
        values["next_attempt_at"] = settled.visit_end
    if settled.status is Status.SENT:
        values["sent_revision"] = row.revision
    return (
        sa.update(DELIVERIES)
        .where(
            own.id == row.delivery_id,
            own.status == PENDING,
            own.revision == row.revision,
            own.fencing_token == row.fencing_token,
        )
        .values(**values)
    )
