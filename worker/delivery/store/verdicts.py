"""Store verdicts: fenced, so that a late answer settles its own attempt and no other."""

import random
from dataclasses import dataclass, replace
from enum import Enum, auto

import sqlalchemy as sa

from worker.database import Database
from worker.database.failures import is_taken
from worker.database.repeating import repeated
from worker.delivery.outcomes import Outcome
from worker.delivery.refusals import Unproven
from worker.delivery.rows import ATTEMPTS, DELIVERIES, DueRow
from worker.delivery.store.claim import Claim
from worker.delivery.store.rivals import id_of, rival_of
from worker.delivery.store.seen import seen_of
from worker.delivery.store.settling import settle_in_doubt, settle_sent, to_ledger
from worker.failpoints import failpoint
from worker.invites import Status, Verdict

LONGEST_DETAIL = 500


class Stored(Enum):
    """What became of a verdict."""

    SETTLED = auto()
    STALE = auto()  # the row has moved on; the ledger has the verdict
    OTHER_ID = auto()  # the row has moved on, and holds another Envoy id than this answer's
    ID_TAKEN = auto()  # another row has the id that Envoy answered with: this one is in doubt


@dataclass(frozen=True, slots=True)
class BackOff:
    """How long a deferred invite waits: full jitter between the least and a doubling most, in seconds."""

    least: float
    most: float

    def seconds(self, deferrals: int) -> float:
        """Return the wait after so many deferrals in a row."""
        ceiling = min(self.most, self.least * 2 ** min(deferrals, 30))
        return max(self.least, random.uniform(0, ceiling))  # noqa: S311 -- jitter guards no secret


class Verdicts:
    """Where the verdicts of one run go; the usual statements are built once."""

    def __init__(self, database: Database, journal: object, back_off: BackOff, *, first_look: float) -> None:
        """Build the statements; a create in doubt is looked up after *first_look* seconds."""
        self._database = database
        self._back_off = back_off
        self._combined: dict[sa.Update, sa.Executable] = {}
        self._first_look = first_look
        self._settle = self._settling(wait=0)
        self._settle_sent = settle_sent(database, first_look=first_look)
        self._to_ledger = to_ledger(database)

    def store(self, row: DueRow, claim: Claim, outcome: Outcome) -> Stored:
        """Write one verdict to the ledger and, where the row still waits for it, to the row."""
        try:
            return self._store(row, claim, outcome)
        except sa.exc.IntegrityError as error:  # its text may hold the row
            if not is_taken(error):
                raise
            taken = replace(
                outcome,
                verdict=Verdict.UNKNOWN,
                status=Status.UNKNOWN,
                error_code="id_taken",
                for_a_person=True,
                detail=f"Envoy answered with the id {outcome.envoy_invite_id}, which another invite has",
            )
        self._store(row, claim, taken)
        return Stored.ID_TAKEN

    def hand_over(self, row, claim, outcome, patience, told):
        from worker.delivery import unstored

        try:
            with unstored.kept(row, claim, outcome):
                fate = patience.policy()(self.store, row, claim, outcome)
        except BaseException as error:
            fate = error
        told(fate)

    def rival(self, row: DueRow, claim: Claim, outcome: Outcome, stored: Stored) -> str | None:
        """Return another id that Envoy may hold the visit under; only a row tried before can have one."""
        is_second = stored is Stored.SETTLED and outcome.event == "sent" and row.fencing_token > 0
        if stored is not Stored.OTHER_ID and not is_second:
            return None
        return rival_of(self._database, claim, outcome)

    def _store(self, row: DueRow, claim: Claim, outcome: Outcome) -> Stored:
        settled = self._commit(self._statement(row, outcome), _values(row, claim, outcome))
        failpoint("after_verdict_commit")
        if settled:
            return Stored.SETTLED
        present = id_of(self._database, claim.delivery_id)
        return Stored.OTHER_ID if outcome.envoy_invite_id not in {None, present} else Stored.STALE

    @repeated
    def _commit(self, settle: sa.Update, values: dict[str, object]) -> bool:
        """Commit both writes together, and say whether the row took the verdict.

        PostgreSQL does both in one statement.
        """
        if not self._database.is_sqlite:
            failpoint("before_verdict_commit")
            with self._database.write() as connection:
                return bool(connection.execute(self._with_ledger(settle), values).scalar_one())
        with self._database.write() as connection:
            settled = connection.execute(settle, values).rowcount
            connection.execute(self._to_ledger, values)
            failpoint("before_verdict_commit")
            return bool(settled)

    def _with_ledger(self, settle: sa.Update) -> sa.Executable:
        """Return both writes as one statement; those of the usual verdicts are built once."""
        statement = self._combined.get(settle)
        if statement is None:
            settled = settle.returning(DELIVERIES.c.id).cte("settled")
            written = self._to_ledger.returning(ATTEMPTS.c.id).cte("written")
            statement = sa.select(sa.func.count()).select_from(settled).add_cte(written)
            if settle in {self._settle, self._settle_sent}:
                self._combined[settle] = statement
        return statement

    def _statement(self, row: DueRow, outcome: Outcome) -> sa.Update:
        if outcome.verdict is Verdict.SENT:
            return self._settle_sent
        if outcome.gone:
            return self._settle.values(envoy_invite_id=None, approval_status=None, sent_content=None)
        if outcome.for_a_person:
            return self._settle.values(next_attempt_at=None)
        if outcome.back_off:
            return self._settling(wait=self._back_off.seconds(row.deferrals))
        return self._settle

    def _settling(self, *, wait: float) -> sa.Update:
        return settle_in_doubt(self._database, wait=wait, first_look=self._first_look)


def _values(row: DueRow, claim: Claim, outcome: Outcome) -> dict[str, object]:
    return {
        **seen_of(row, token=claim.fencing_token),
        "attempt": claim.attempt_id,
        "attempted_revision": claim.revision,
        "final": outcome.status.value,
        "verdict": outcome.verdict.value,
        "uncounted": 0 if outcome.counts_as_attempt else 1,
        "http_status": outcome.http_status,
        "error_code": outcome.error_code,
        "detail": (outcome.detail or "")[:LONGEST_DETAIL] or None,
        "envoy_id": outcome.envoy_invite_id,
        "approval": outcome.approval_status,
        "restored": outcome.restored,
        "content": outcome.content,
        "refused": outcome.unproven is not None,
        "again": outcome.unproven is Unproven.AGAIN,
        "refusal": outcome.refusal,
    }
