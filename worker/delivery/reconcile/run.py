"""Settle what is unknown: look each doubtful create up in Envoy, and decide once enough was seen."""

import contextvars
import math
import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime

from worker.clock import boot_clock
from worker.connections.scopes import note_that_it_reads
from worker.connections.store import note_reading
from worker.connections.tokens.access import Tokens
from worker.connections.usable import pace
from worker.connections.usable.gate import Gate
from worker.connections.usable.holds import Holds
from worker.database import Database
from worker.delivery import events
from worker.delivery.reconcile.decision import REFUSED, Decision, left_for_a_person
from worker.delivery.reconcile.look_up import Looking
from worker.delivery.reconcile.recording import LookUps
from worker.delivery.reconcile.unknown_rows import Doubt, due_doubts
from worker.delivery.store.rivals import id_of
from worker.envoy.paging import BEYOND_BOUNDS, NO_LIST
from worker.errors import (
    OF_ONE_CONNECTION,
    EnvoyError,
    ExitCode,
    Forbidden,
    Refused,
    Stopping,
    Throttled,
    Unauthorised,
    WorkerError,
)
from worker.failpoints import failpoint
from worker.invites import Status
from worker.report import Report

BATCH = 100
COUNTS = ("looked_up", "sent", "pending", "rejected", "unknown")
MOST_BROKEN_LISTS = 10  # looks in a row that failed; then a person hears of a list that contradicts itself


@dataclass(frozen=True, slots=True)
class Reconcile:
    """One run of looking up; ``max_seconds`` ends it early, so that a schedule stays a schedule."""

    database: Database
    holds: Holds
    tokens: Tokens
    gate: Gate
    look_ups: LookUps
    looking: Looking
    longest_wait: float
    threads: int
    rate_per_second: float
    stop: threading.Event
    connection: str | None = None
    max_seconds: float | None = None
    report: Report = field(default_factory=lambda: Report(Counter(dict.fromkeys(COUNTS, 0))))
    closed: set[str] = field(default_factory=set)  # connections of no use in this run
    passed: set[tuple[int, int]] = field(default_factory=set)  # looks that came up in this run, made or not

    def run(self) -> Report:
        """Look up until nothing is due; return what became of it."""
        ends_at = boot_clock() + (math.inf if self.max_seconds is None else self.max_seconds)
        if batch := self._due():
            with ThreadPoolExecutor(self.threads, thread_name_prefix="looker") as pool:
                while batch and not self.stop.is_set() and boot_clock() < ends_at:
                    self._look_up_all(pool, batch)
                    batch = self._due()
        return self.report

    def _due(self) -> Sequence[Doubt]:
        found = due_doubts(
            self.database,
            only=self.connection,
            excluded=tuple(self.closed),
            longest_wait=self.longest_wait,
            size=BATCH,
        )
        # A look that could not be taken stays due; it must not keep the run alive.
        fresh = [doubt for doubt in found if (doubt.delivery_id, doubt.look_ups) not in self.passed]
        self.passed.update((doubt.delivery_id, doubt.look_ups) for doubt in fresh)
        return fresh

    def _look_up_all(self, pool: ThreadPoolExecutor, batch: Sequence[Doubt]) -> None:
        looks = [pool.submit(contextvars.copy_context().run, self._look_up, doubt) for doubt in batch]
        for look in looks:
            look.result()

    def _look_up(self, doubt: Doubt) -> None:
        """Make one look, unless the connection went out of use since the batch was read."""
        if self.stop.is_set() or doubt.connection in self.closed:
            return
        if not self._may_ask(doubt) or (began := self.look_ups.take(doubt)) is None:
            return
        if not self._paced(doubt):
            return
        failpoint("before_look_up")
        decision = self._looked(doubt, began)
        failpoint("after_look_up")
        if decision is None:
            return
        if self.look_ups.record(doubt, decision, began=began):
            failpoint("after_look_up_commit")
            self._tell(doubt, decision)
        elif decision.invite is not None:
            present = id_of(self.database, doubt.delivery_id)
            events.overtaken_look(doubt, decision.invite.id, present)

    def _looked(self, doubt: Doubt, began: datetime) -> Decision | None:
        """Return what a look means, None if it failed."""
        try:
            decision = self.looking.look(doubt, began)
        except Stopping as error:
            self._close(doubt, error)
        except EnvoyError as error:
            self.gate.note(error)
            if is_hopeless(error, failed_before=doubt.deferrals):
                return left_for_a_person(REFUSED, doubt.look_ups, f"Envoy's answer: {error.error_code}")
            self.look_ups.record_failure(doubt, error, began=began)
            events.look_failed(doubt, error)
            self._failed(doubt, error)
        except OF_ONE_CONNECTION as error:
            self._close(doubt, error)
        except WorkerError:
            raise
        except Exception as error:  # noqa: BLE001 -- one odd row must not keep the others
            self.report.trouble(ExitCode.UNEXPECTED)
            events.odd(doubt, error)
        else:
            note_that_it_reads(self.database, doubt.connection_id)
            return decision
        return None

    def _may_ask(self, doubt: Doubt) -> bool:
        """Return whether Envoy's host answers."""
        try:
            self.gate.require_seen(self.gate.seen(), doubt.connection_id, self._token(doubt))
        except OF_ONE_CONNECTION as error:
            self._close(doubt, error)
            return False
        return True

    def _token(self, doubt: Doubt) -> Callable[[], str]:
        return lambda: self.tokens.access(doubt.connection_id).value

    def _paced(self, doubt: Doubt) -> bool:
        """Wait for a place in the connection's pace; say whether there is one soon."""
        rate = self.rate_per_second
        wait = pace.reserve_one(
            self.database, doubt.connection_id, rate_per_second=rate, pause=self.stop.wait
        )
        if wait is None:
            self.report.trouble(ExitCode.TRY_LATER)
            self.closed.add(doubt.connection)
            return False
        return not self.stop.wait(wait) if wait else True

    def _tell(self, doubt: Doubt, decision: Decision) -> None:
        self.report.add("looked_up")
        if decision.status is not Status.UNKNOWN or decision.for_a_person:
            self.report.add(decision.status.value)
        if decision.status in {Status.REJECTED, Status.UNKNOWN}:
            self.report.trouble(ExitCode.REJECTED)
        events.looked_up(doubt, decision)

    def _failed(self, doubt: Doubt, error: EnvoyError) -> None:
        if error.error_code in NO_LIST:
            self.report.trouble(ExitCode.REJECTED)
            return  # of this query only: the connection's others are looked up
        if isinstance(error, Forbidden):
            note_reading(self.database, doubt.connection_id, can_read=False)
            events.may_not_look(doubt)
        elif isinstance(error, Throttled):
            self.holds.throttled(doubt.connection_id, error.retry_after)
        elif isinstance(error, Unauthorised):
            self.holds.unauthorised(doubt.connection_id, version=error.token_version)
        else:
            # Probes decide whether it is the host; then all its connections are held.
            with suppress(*OF_ONE_CONNECTION):
                self.gate.require(doubt.connection_id, self._token(doubt))
        self._close(doubt, error)

    def _close(self, doubt: Doubt, error: WorkerError) -> None:
        self.report.trouble(error.exit_code)
        self.closed.add(doubt.connection)


def is_hopeless(error: EnvoyError, *, failed_before: int) -> bool:
    """Return whether no further look would tell more; *failed_before*: so many looks in a row failed, too.

    A list that contradicts itself may be read while it changes, and be whole the next time.
    """
    if isinstance(error, Refused) or error.error_code in BEYOND_BOUNDS:
        return True
    return error.error_code in NO_LIST and failed_before + 1 >= MOST_BROKEN_LISTS
