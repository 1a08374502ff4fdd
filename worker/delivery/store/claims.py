"""Claim a row for one attempt; the journal commits it with its intent, before the first byte."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import sqlalchemy as sa

from worker.database import Database
from worker.database.owner import this_process
from worker.database.statements.compiled import compiled_once
from worker.delivery.due import DueRow
from worker.delivery.plan import Call
from worker.delivery.store.entries import Part, Waited
from worker.delivery.store.journal import Journal
from worker.delivery.store.statements.claim import take, take_rows, taken, write_intents
from worker.delivery.store.statements.seen import seen_of
from worker.errors import NotSent
from worker.failpoints import failpoint

if TYPE_CHECKING:
    from worker.database.postgresql.one_trip import Rows, Statement

LATE_SECONDS = 5.0  # as long as what was found out about a connection is believed


class WaitedTooLong(Exception):
    """Nothing was claimed, and what it was planned with is old by now: look again, then claim it."""


@dataclass(frozen=True, slots=True)
class Lease:
    """How long an attempt may take, in seconds."""

    seconds: float
    request_timeout_seconds: float


@dataclass(frozen=True, slots=True)
class Claim:
    """The right to make one attempt; ``attempt_id`` goes to Envoy as X-Request-Id."""

    attempt_id: str
    delivery_id: int
    fencing_token: int
    revision: int
    number: int
    write_before: float
    clock: Callable[[], float]

    def require_time(self) -> None:
        """Return if the whole request still fits into the lease.

        Raises:
            NotSent: it does not; somebody else may already take the row for abandoned.
        """
        if self.clock() > self.write_before:
            raise NotSent("the lease was too short for the request", error_code="lease_over")


class Claims(Part):
    """The claims of one run; their statements are built once, since building costs more than executing.

    *clock* counts the time that the host was suspended, too.
    """

    def __init__(
        self,
        database: Database,
        journal: Journal,
        *,
        host: str,
        lease: Lease,
        run_id: str,
        clock: Callable[[], float],
    ) -> None:
        """Build the statements."""
        self._database = database
        self._journal = journal
        self._lease = lease
        self._clock = clock
        self._fixed = {"run": run_id, "owner": this_process()}
        built = take_rows if database.is_sqlite else take
        self._take = compiled_once(database, built, host=host, lease_seconds=lease.seconds)

    def take(self, row: DueRow, call: Call, attempt_id: str, *, trial: bool = False) -> Claim | None:
        """Commit the intent and return the claim, or None if the row is not ours to send.

        It is not when it changed, was taken, its connection is held or has no grant (any more), Envoy's
        host does not answer, another row of equal content is in doubt, or Envoy may have it from before a
        restore.  *trial*: that Envoy refuses everyone is no hindrance.

        Raises:
            WaitedTooLong: too many verdicts waited all the time.
        """
        failpoint("before_claim")
        wanted = _Wanted(self, row, call, attempt_id, clock=self._clock, trial=trial)
        self._journal.submit(wanted)
        wanted.wait()
        if wanted.was_late:
            raise WaitedTooLong
        if wanted.token is None:
            return None
        failpoint("after_intent")
        return Claim(
            attempt_id=attempt_id,
            delivery_id=row.delivery_id,
            fencing_token=wanted.token,
            revision=row.revision,
            number=wanted.number,
            write_before=wanted.began + self._lease.seconds - self._lease.request_timeout_seconds - 1,
            clock=self._clock,
        )

    def write(self, connection: sa.Connection, entries: Sequence["_Wanted"]) -> None:
        """Take the rows, and write their intents; PostgreSQL does all in one statement."""
        values = self._values(entries)
        rows = self._take.rows(connection, values)
        self.heard(entries, self._taken(connection, values) if self._database.is_sqlite else rows)

    def call(self, entries: Sequence["_Wanted"]) -> "Statement":
        """Return the same for PostgreSQL."""
        return self._take.call(self._values(entries))

    def heard(self, entries: Sequence["_Wanted"], rows: "Rows") -> Sequence["_Wanted"]:
        """Note what was taken; what was not, is not ours to send."""
        taken_rows = {attempt_id: (token, number) for attempt_id, token, number in rows}
        for wanted in entries:
            wanted.token, wanted.number = taken_rows.get(wanted.attempt_id, (None, 0))
        return ()

    def _values(self, entries: Sequence["_Wanted"]) -> list[dict[str, Any]]:
        return [wanted.values() | self._fixed for wanted in entries]

    def _taken(
        self, connection: sa.Connection, values: Sequence[Mapping[str, Any]]
    ) -> list[tuple[str, int, int]]:
        compiled_once(self._database, write_intents).rows(connection, values)
        found = compiled_once(self._database, taken).rows(connection, values)
        return [row for (text,) in found for row in json.loads(text)]


class _Wanted(Waited):
    """A claim that waits to be granted."""

    is_claim = True
    was_late = False
    token: int | None = None
    number = 0
    began = 0.0

    def __init__(
        self,
        part: Claims,
        row: DueRow,
        call: Call,
        attempt_id: str,
        *,
        clock: Callable[[], float],
        trial: bool,
    ) -> None:
        super().__init__(part, row.delivery_id)
        self.row = row
        self.call = call
        self.attempt_id = attempt_id
        self._clock = clock
        self._trial = trial
        self._asked = clock()

    def is_late(self) -> bool:
        self.was_late = self._clock() - self._asked > LATE_SECONDS
        return self.was_late

    def begin(self) -> None:
        self.began = self._clock()  # before the lease begins, so that it errs early

    def failed(self, error: BaseException) -> None:
        if isinstance(error, sa.exc.IntegrityError):  # a twin went into doubt between our look and our commit
            self.token = None
            self.done()
        else:
            super().failed(error)

    def values(self) -> dict[str, Any]:
        """Return what the statements are given, but for what is the same for all."""
        row, call = self.row, self.call
        return {
            **seen_of(row), "name": row.connection, "attempt": self.attempt_id, "key": call.content_key,
            "content": call.content_in_flight, "trial": self._trial, "kind": call.kind.value,
            "boot_seconds": self.began,
        }  # fmt: skip
