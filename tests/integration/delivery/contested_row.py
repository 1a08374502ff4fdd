"""One connected customer for many short tests; in each, two parties are at a row of the test's own."""

import uuid
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.journals import InlineJournal
from worker.backoff import BackOff
from worker.clock import boot_clock
from worker.database import Database
from worker.delivery.due import DueRow
from worker.delivery.outcomes import Outcome
from worker.delivery.plan import Call
from worker.delivery.prepare.due_page import due_page
from worker.delivery.reconcile.decision import Decision, Schedule
from worker.delivery.reconcile.recording import LookUps
from worker.delivery.reconcile.unknown_rows import Doubt, due_doubts
from worker.delivery.recovery.interrupted import abandoned, give_up
from worker.delivery.store.claims import Claim, Claims, Lease
from worker.delivery.store.verdicts import Stored, Verdicts
from worker.envoy.resources import Invite as EnvoyInvite
from worker.invites import Kind, Status, Verdict, moves
from worker.invites.store import Standing, require

PAST, FAR = "2020-01-01T00:00:00.000Z", "2099-01-01T00:00:00.000Z"
BACK_OFF = BackOff(5, 900)
SENT = Outcome(Verdict.SENT, Status.SENT, "sent", envoy_invite_id="77", content={"notes": "a"})
IN_DOUBT = Outcome(Verdict.UNKNOWN, Status.UNKNOWN, "unknown", error_code="connection_lost")
DEFERRED = Outcome(Verdict.DEFERRED, Status.PENDING, "deferred", error_code="http_429")
REFUSED = Outcome(Verdict.REJECTED, Status.REJECTED, "rejected", error_code="http_422")


@dataclass(frozen=True)
class AttemptUnderWay:
    """An attempt that is on its way, as its process knows it."""

    database: Database
    row: DueRow
    claim: Claim

    def store(self, outcome: Outcome) -> Stored:
        """Store what it came to."""
        return Verdicts(self.database, InlineJournal(self.database), BACK_OFF, first_look=5).store(
            self.row, self.claim, outcome
        )


class ContestedRow:
    """A row that several parties are at; what each of them knows is what it has read."""

    attempt: AttemptUnderWay  # the last attempt that was begun
    seen: Doubt  # as it was read for a look-up

    def __init__(self, worker: WorkerWithSandbox, **columns: Any) -> None:
        """Add the row, in content like no other; whatever an earlier test left behind is over."""
        self.worker = worker
        self.database: Database = worker.context.database
        self.key = uuid.uuid4().hex[:12]
        worker_rows.forget_hosts(worker)
        worker_rows.set_connection(worker, name="acme", status="active", held_until=None, hold_reason=None)
        worker_rows.set_delivery(worker, status="withdrawn", envoy_invite_id=None, lease_until=None)
        worker.add(self.key, invitee_name=f"Visitor {self.key}", **columns)

    @property
    def delivery(self) -> Mapping[str, Any]:
        """How the row stands."""
        return self.worker.delivery(self.key)

    @property
    def lines(self) -> list[Mapping[str, Any]]:
        """Return its lines of the ledger, oldest first."""
        own = self.delivery["id"]
        return [line for line in self.worker.attempts() if line["delivery_id"] == own]

    def due(self) -> DueRow:
        """Return it as a push reads it."""
        until = self.database.read_now() + timedelta(seconds=1)
        page = due_page(self.database, "acme", after=None, until=until, size=999).rows
        return next(row for row in page if row.external_id == self.key)

    def claim(self, row: DueRow | None = None, kind: Kind = Kind.CREATE, *, key: str = "") -> Claim | None:
        """Claim it as it was read, or as it stands."""
        lease = Lease(60, 15)
        host = self.worker.context.gate.host
        claims = Claims(
            self.database,
            InlineJournal(self.database),
            host=host,
            lease=lease,
            run_id="run",
            clock=boot_clock,
        )
        call = Call(kind, content_key=(key or self.key) if kind is Kind.CREATE else None)
        return claims.take(row or self.due(), call, uuid.uuid4().hex)

    def begin(self, kind: Kind = Kind.CREATE) -> AttemptUnderWay:
        """Claim it, which nobody hinders; return the attempt."""
        row = self.due()
        claim = self.claim(row, kind)
        assert claim is not None
        self.attempt = AttemptUnderWay(self.database, row, claim)
        return self.attempt

    def tried(self, outcome: Outcome, kind: Kind = Kind.CREATE) -> None:
        """Make an attempt that ends so."""
        assert self.begin(kind).store(outcome) is Stored.SETTLED

    def change(self, notes: str = "changed") -> None:
        """Let the caller change it."""
        self.worker.execute("UPDATE invite SET notes = :n WHERE external_id = :key", n=notes, key=self.key)

    def stand(self, **columns: Any) -> None:
        """Write columns of the worker's, as time or another release would."""
        worker_rows.set_delivery(self.worker, self.key, **columns)

    def twin(self) -> None:
        """Let another row of equal content be claimed."""
        self.worker.add(f"twin-{self.key}", invitee_name=f"Visitor {self.key}")
        until = self.database.read_now() + timedelta(seconds=1)
        page = due_page(self.database, "acme", after=None, until=until, size=999).rows
        (row,) = (row for row in page if row.external_id == f"twin-{self.key}")
        assert self.claim(row) is not None

    def end_lease(self) -> None:
        """Let the lease be over, and a push give the attempt up."""
        self.stand(lease_until=PAST)
        for attempt in abandoned(self.database, longest_lease=60):
            give_up(self.database, attempt, first_look=5)

    def standing(self) -> Standing:
        """Return it as a person sees it."""
        return require(self.database, f"acme/{self.key}")

    def try_again(self) -> None:
        """Let the lease be over, and the next attempt begin."""
        self.end_lease()
        if self.delivery["status"] == "unknown":
            self.resend()
        self.begin()

    def give_up_and_resend(self) -> None:
        """Let the lease be over, and a person say that Envoy has it not."""
        self.end_lease()
        self.resend()

    def resend(self) -> None:
        """Let a person say that Envoy has it not."""
        moves.resolve(self.database, self.standing(), envoy_invite_id=None)

    def doubt(self) -> Doubt:
        """Return the doubt as a look-up reads it; its time has come."""
        self.stand(next_attempt_at=PAST)
        worker_rows.let_read_invites(self.worker, may=True)
        found = due_doubts(self.database, only="acme", excluded=(), longest_wait=600, size=99)
        self.seen = next(doubt for doubt in found if doubt.external_id == self.key)
        return self.seen

    def look_ups(self) -> LookUps:
        """Return where looks come from and go to."""
        return LookUps(self.database, Schedule((5, 30)), back_off=BACK_OFF, run_id="run")


ABSENT = Decision(Status.PENDING, Verdict.DEFERRED, detail="nothing was found")
ONCE_MORE = Decision(Status.UNKNOWN, Verdict.UNKNOWN, look_ups=1, wait=30.0, detail="look 1 of 2")
FOUND_ID = "99"
FOUND = Decision(
    Status.SENT, Verdict.SENT, invite=EnvoyInvite(FOUND_ID, "APPROVED", None, None, None, None, None, None)
)
