"""What follows a stored verdict: its event, and the consequences for its connection, in threads of their own.

So neither the journal nor a sender waits for a log that is slow, or for a word with Envoy.
"""

import contextvars
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from functools import partial
from queue import SimpleQueue
from types import TracebackType
from typing import Protocol, Self, TypeAlias

from worker.database.failures import AWAY, DATABASE_ERRORS
from worker.delivery import events
from worker.delivery.consequences.apply import Consequences, Later
from worker.delivery.consequences.in_turn import InTurn
from worker.delivery.lanes.dispatch import Lanes
from worker.delivery.outcomes import Outcome
from worker.delivery.send.attempt import Attempt
from worker.delivery.store import unstored
from worker.delivery.store.database_away import Patience
from worker.delivery.store.verdicts import Stored, Verdicts
from worker.errors import ExitCode
from worker.invites import Status, Verdict
from worker.report import Report
from worker.settings.model import DRAWERS, PROVERS

MOST_UNTOLD = 200  # verdicts, and as many again as there are senders
LOOK_SECONDS = 0.05

Fate: TypeAlias = Stored | BaseException


class Step(Protocol):
    """A part of what follows from an attempt; it returns whether the row is due at once."""

    def __call__(self, attempt: Attempt, /, *, later: Later) -> bool:
        """Do it."""


class Teller:
    """Tells what was stored, and has its consequences drawn; the end of its block waits for all of them."""

    def __init__(
        self,
        lanes: Lanes,
        verdicts: Verdicts,
        consequences: Consequences,
        report: Report,
        *,
        patience: Callable[[], Patience],
        failed: Callable[[BaseException], None],
    ) -> None:
        """*patience* is made for each verdict; *failed* is told of an error that ends the run."""
        self._lanes = lanes
        self._verdicts = verdicts
        self._consequences = consequences
        self._report = report
        self._patience = patience
        self._failed = failed
        self._heard: SimpleQueue[tuple[Attempt, Fate] | None] = SimpleQueue()
        self._expected = self._told = 0  # the first is changed by senders, the second by the teller alone
        self._counting = threading.Lock()
        self._has_ended = False
        context = contextvars.copy_context()
        self._thread = threading.Thread(target=context.run, args=(self._tell_all,), name="teller")
        self._drawers = ThreadPoolExecutor(DRAWERS, thread_name_prefix="consequences")
        self._provers = InTurn(PROVERS, "proofs")

    def __enter__(self) -> Self:
        """Begin to tell."""
        self._thread.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        """Wait until everything is told that was handed over."""
        self._heard.put(None)
        self._thread.join()
        self._has_ended = True
        self._drawers.shutdown(wait=True)
        self._provers.shutdown()

    def hand_over(self, attempt: Attempt) -> None:
        """Have an attempt's verdict stored, and tell what became of it; it is quick."""
        with self._counting:
            self._expected += 1

        def told(fate: Fate) -> None:
            self._heard.put((attempt, fate))

        try:
            self._verdicts.hand_over(attempt.work.row, attempt.claim, attempt.outcome, self._patience(), told)
        except Exception as error:  # noqa: BLE001 -- it is printed, and the run ends
            told(error)

    def has_room(self) -> bool:
        """Return true as soon as few enough verdicts wait to be told."""
        while self._expected - self._told > MOST_UNTOLD:
            threading.Event().wait(LOOK_SECONDS)
        return True

    def _tell_all(self) -> None:
        ending = False
        while not ending or self._told < self._expected:
            heard = self._heard.get()
            if heard is None:
                ending = True
                continue
            self._told += 1
            try:
                self._tell(*heard)
            except BaseException as error:  # noqa: BLE001 -- the run ends, and says so
                self._failed(error)
                self._give_back(heard[0], progressed=False)

    def _tell(self, attempt: Attempt, fate: Fate) -> None:
        if not isinstance(fate, Stored):
            self._not_stored(attempt, fate)
            return
        self._count(attempt.outcome)
        events.attempted(
            attempt.work.row,
            attempt.claim,
            attempt.outcome,
            fate,
            attempt.duration_ms,
            looked_up=attempt.work.lane.may_read,
            rival=self._rival(attempt, fate),
        )
        if _is_plain(attempt):
            self._consequences.succeeded(attempt.work.lane)
            self._lanes.done(attempt.work, progressed=True)
        else:
            self._later(lambda: self._draw(attempt, fate))

    def _not_stored(self, attempt: Attempt, error: BaseException) -> None:
        unstored.tell(attempt.work.row, attempt.claim, attempt.outcome)
        if isinstance(error, AWAY):
            self._report.trouble(error.exit_code)
        else:
            self._failed(error)
        self._give_back(attempt, progressed=False)

    def _draw(self, attempt: Attempt, stored: Stored) -> None:
        """Draw what follows at once, and have proven what has to be, by a thread that may wait for Envoy."""
        to_prove = attempt.outcome.unproven is not None and stored is Stored.SETTLED
        if self._step(attempt, self._consequences.draw, is_last=not to_prove) and to_prove:
            prove = partial(self._step, attempt, self._consequences.prove, is_last=True)
            self._hand_to(partial(self._provers.submit, attempt.work.lane.connection_id), prove)

    def _step(self, attempt: Attempt, step: Step, *, is_last: bool) -> bool:
        """Do a part of what follows, and give the work back after the last; return whether it was done."""
        done = again = False
        try:
            with unstored.attempting():  # a word with Envoy, or a refresh, may be part of it
                again = step(attempt, later=self._later)
            done = True
        except BaseException as error:  # noqa: BLE001 -- as above
            self._failed(error)
        if is_last or not done:
            again = again or attempt.outcome.verdict is not Verdict.DEFERRED
            self._give_back(attempt, progressed=done and again)
        return done

    def _later(self, work: Callable[[], None]) -> None:
        """Have something done by a thread that may wait for the database."""
        self._hand_to(self._drawers.submit, work)

    def _hand_to(self, submit: Callable[[Callable[[], object]], object], work: Callable[[], object]) -> None:
        context = contextvars.copy_context()
        try:
            submit(partial(context.run, work))
        except RuntimeError as error:  # no thread is to be had
            if not self._has_ended:  # else the next run finds what is stored
                self._failed(error)

    def _give_back(self, attempt: Attempt, *, progressed: bool) -> None:
        if attempt.error is not None:
            self._lanes.resume(attempt.work.lane)
        self._lanes.done(attempt.work, progressed=progressed)

    def _rival(self, attempt: Attempt, stored: Stored) -> str | None:
        """Return another id of the same visit; what is stored is told, even if the database is away again."""
        with suppress(*DATABASE_ERRORS):
            return self._verdicts.rival(attempt.work.row, attempt.claim, attempt.outcome, stored)
        return None

    def _count(self, outcome: Outcome) -> None:
        self._report.add(outcome.event)
        if outcome.status in {Status.REJECTED, Status.UNKNOWN}:
            self._report.trouble(ExitCode.REJECTED)


def _is_plain(attempt: Attempt) -> bool:
    """Return whether an attempt went as most do, so that nothing follows but what is quick."""
    lane = attempt.work.lane
    return attempt.error is None and lane.refusing is None and not (lane.disturbed or lane.refuted)
