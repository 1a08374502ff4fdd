"""Store verdicts, and when a deferred row is due again; a late answer settles its own attempt and no other.

Each is fenced: it is compared with the number that its claim raised.
"""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from enum import Enum, auto
from queue import SimpleQueue
from threading import Event
from typing import TYPE_CHECKING, Any, TypeAlias

import sqlalchemy as sa

from worker.backoff import BackOff
from worker.database import Database
from worker.database.failures import is_taken
from worker.database.statements.compiled import compiled_once
from worker.delivery.due import DueRow
from worker.delivery.outcomes import Outcome
from worker.delivery.refusals import Unproven
from worker.delivery.store import in_hand
from worker.delivery.store.claims import Claim
from worker.delivery.store.database_away import PAUSES, Patience, may_pass
from worker.delivery.store.entries import Entry, Part
from worker.delivery.store.journal import Journal
from worker.delivery.store.rivals import rival_of
from worker.delivery.store.statements.seen import seen_of
from worker.delivery.store.statements.settling import (
    settle,
    settle_free,
    settle_lines,
    settle_rows,
    settles,
)
from worker.errors import DatabaseLocked
from worker.failpoints import failpoint
from worker.invites import Status, Verdict
from worker.invites.model import ATTEMPTS, DELIVERIES

if TYPE_CHECKING:
    from worker.database.postgresql.one_trip import Rows, Statement

LONGEST_DETAIL = 500
TWICE = 2


class Stored(Enum):
    """What became of a verdict."""

    SETTLED = auto()
    STALE = auto()  # the row has moved on; the ledger has the verdict
    OTHER_ID = auto()  # the row has moved on, and holds another Envoy id than this answer's
    ID_TAKEN = auto()  # another row has the id that Envoy answered with: this one is in doubt


Told: TypeAlias = Callable[[Stored | BaseException], None]


class Verdicts(Part):
    """Where the verdicts of one run go; the usual statements are built once."""

    def __init__(self, database: Database, journal: Journal, back_off: BackOff, *, first_look: float) -> None:
        """Build the statements; a create in doubt is looked up after *first_look* seconds."""
        self._database = database
        self._journal = journal
        self._back_off = back_off
        built = settle_rows if database.is_sqlite else settle
        self._settle = compiled_once(database, built, first_look=first_look)
        self._settle_free = None
        if not database.is_sqlite:
            self._settle_free = compiled_once(database, settle_free, first_look=first_look)

    def hand_over(self, row: DueRow, claim: Claim, outcome: Outcome, patience: Patience, told: Told) -> None:
        """Have one verdict written to the ledger and, where the row still waits for it, to the row.

        *told* is called once, on the journal's thread: with what became of it after the commit, or with the
        error once *patience* is over.
        """
        in_hand.take(row, claim, outcome)
        self._journal.submit(_Given(self, row, claim, outcome, patience, told))

    def store(self, row: DueRow, claim: Claim, outcome: Outcome, patience: Patience | None = None) -> Stored:
        """Do the same, and wait for it; without *patience* it is offered once."""
        answers: SimpleQueue[Stored | BaseException] = SimpleQueue()
        self.hand_over(row, claim, outcome, patience or Patience(Event(), -1.0), answers.put)
        answer = answers.get()
        if isinstance(answer, BaseException):
            raise answer
        return answer

    def rival(self, row: DueRow, claim: Claim, outcome: Outcome, stored: Stored) -> str | None:
        """Return another id that Envoy may hold the visit under; only a row tried before can have one."""
        is_second = stored is Stored.SETTLED and outcome.event == "sent" and row.fencing_token > 0
        if stored is not Stored.OTHER_ID and not is_second:
            return None
        return rival_of(self._database, claim, outcome)

    def write(self, connection: sa.Connection, entries: Sequence["_Given"]) -> None:
        """Write verdicts to their rows and to the ledger; PostgreSQL does all in one statement."""
        standing = _standing(connection, entries)
        values = [given.values(self._back_off) for given in entries]
        settled = self._settled(connection, values)
        for given in entries:
            is_settled = given.claim.delivery_id in settled
            stands = given.claim.attempt_id in standing
            given.stored = Stored.SETTLED if is_settled else _not_settled(connection, given, stands=stands)
            failpoint("before_verdict_commit")

    def call(self, entries: Sequence["_Given"]) -> "Statement | None":
        """Return the same for PostgreSQL, unless one may be committed already: then the ledger is asked."""
        if self._settle_free is None or any(given.is_unheard for given in entries):
            return None
        call = self._settle_free.call([given.values(self._back_off) for given in entries])
        for _ in entries:
            failpoint("before_verdict_commit")
        return call

    def heard(self, entries: Sequence["_Given"], rows: "Rows") -> Sequence["_Given"]:
        """Note what was settled; the rows of the others are locked, or have moved on."""
        settled = {delivery_id for (delivery_id,) in rows}
        for given in entries:
            given.stored = Stored.SETTLED
        return [given for given in entries if given.claim.delivery_id not in settled]

    def _settled(self, connection: sa.Connection, values: Sequence[Mapping[str, Any]]) -> set[int]:
        database = self._database
        if not database.is_sqlite:
            return {delivery_id for (delivery_id,) in self._settle.rows(connection, values)}
        found = compiled_once(database, settles).rows(connection, values)
        self._settle.rows(connection, values)
        compiled_once(database, settle_lines).rows(connection, values)
        return {delivery_id for (text,) in found for delivery_id in json.loads(text)}


class _Given(Entry):
    """A verdict that waits to be stored."""

    is_verdict = True
    is_unheard = False  # it was offered, and nobody knows whether it was committed
    stored = Stored.STALE

    def __init__(
        self, part: Verdicts, row: DueRow, claim: Claim, outcome: Outcome, patience: Patience, told: Told
    ) -> None:
        super().__init__(part, claim.delivery_id)
        self.row = row
        self.claim = claim
        self.outcome = outcome
        self._patience = patience
        self._tell = told
        self._is_taken = False
        self._offers = 0
        self._in_company = 0
        self._failure: BaseException | None = None

    def is_late(self) -> bool:
        return self._failure is not None and self._patience.is_spent(self._failure)

    def give_up(self) -> None:
        if self._failure is not None:
            self.failed(self._failure)

    def done(self) -> None:
        failpoint("after_verdict_commit")
        in_hand.let_go(self.claim)
        self._tell(Stored.ID_TAKEN if self._is_taken else self.stored)

    def failed(self, error: BaseException) -> None:
        self._tell(error)  # it stays in hand until somebody has told it

    def again(self, error: BaseException, *, in_company: bool) -> float | None:
        if not self._is_taken and isinstance(error, sa.exc.IntegrityError) and is_taken(error):
            self._is_taken, self.outcome = True, _id_taken(self.outcome)
            return 0.0
        if not may_pass(error) or self._patience.is_spent(error):
            return None
        self._failure = error
        self.is_unheard = self.is_unheard or not isinstance(error, DatabaseLocked)
        # Somebody's open transaction may be in the way of one row, and of all that is offered with it.
        self._in_company += in_company and isinstance(error, DatabaseLocked)
        # One by one takes as many times as long, which a process that is to end has not.
        self.alone = self._in_company >= TWICE and not self._patience.stop.is_set()
        self._offers += 1
        return PAUSES.grown(self._offers - 1)

    def values(self, back_off: BackOff) -> dict[str, object]:
        """Return what the statements are given."""
        claim, outcome = self.claim, self.outcome
        return {
            **seen_of(self.row, token=claim.fencing_token),
            "seen_revision": claim.revision,
            "attempt": claim.attempt_id,
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
            "sent": outcome.verdict is Verdict.SENT,
            "gone": outcome.gone,
            "for_a_person": outcome.for_a_person,
            "wait": back_off.jittered(self.row.deferrals) if outcome.back_off else 0,
        }


def _standing(connection: sa.Connection, entries: Sequence[_Given]) -> set[str]:
    """Return the attempts whose verdicts stand already, since a commit was not heard."""
    ids = [given.claim.attempt_id for given in entries if given.is_unheard]
    if not ids:
        return set()
    query = sa.select(ATTEMPTS.c.id).where(ATTEMPTS.c.id.in_(ids), ATTEMPTS.c.verdict.is_not(None))
    return set(connection.execute(query).scalars())


def _not_settled(connection: sa.Connection, given: _Given, *, stands: bool) -> Stored:
    """Say what became of a verdict that its row did not wait for any more.

    *stands*: it is in the ledger already; then it has settled the row if nobody has tried that since.
    """
    own = DELIVERIES.c
    query = sa.select(own.envoy_invite_id, own.fencing_token).where(own.id == given.claim.delivery_id)
    present, token = connection.execute(query).one_or_none() or (None, None)
    if given.outcome.envoy_invite_id not in {None, present}:
        return Stored.OTHER_ID
    return Stored.SETTLED if stands and token == given.claim.fencing_token else Stored.STALE


def _id_taken(outcome: Outcome) -> Outcome:
    """Return the outcome of a create that was answered with the id of another row."""
    return replace(
        outcome,
        verdict=Verdict.UNKNOWN,
        status=Status.UNKNOWN,
        error_code="id_taken",
        for_a_person=True,
        detail=f"Envoy answered with the id {outcome.envoy_invite_id}, which another invite has",
    )
