"""The stage send: claim a row, make its one request, hand the outcome over; nothing else is waited for."""

import threading
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass

from worker.clock import boot_clock
from worker.connections.usable.gate import Gate
from worker.database import Database
from worker.database.failures import DATABASE_ERRORS, may_be_committed
from worker.delivery.lanes.dispatch import Lanes
from worker.delivery.lanes.lane import Work
from worker.delivery.send.attempt import Attempt, Requests
from worker.delivery.store import unstored
from worker.delivery.store.claims import Claim, Claims, WaitedTooLong
from worker.delivery.store.database_away import Patience
from worker.delivery.store.unclaim import take_back
from worker.failpoints import failpoint


@dataclass(frozen=True, slots=True)
class Sender:
    """What a sender thread does; shared by all of a run.

    *room* returns true once there is room for one more verdict that is to be told.
    """

    lanes: Lanes
    database: Database
    gate: Gate
    claims: Claims
    requests: Requests
    room: Callable[[], bool]
    hand_over: Callable[[Attempt], None]
    patience_seconds: float
    stop: threading.Event

    def run(self) -> None:
        """Send until the run is over."""
        while self.room() and (work := self.lanes.take()) is not None:
            with unstored.attempting():
                self._send(work)

    def _send(self, work: Work) -> None:
        """Make one attempt, and give the work back if none was made."""
        if not self.gate.is_open or self.stop.is_set():
            self.lanes.put_back(work)
            return
        try:
            attempt = self._attempt(work)
        except WaitedTooLong:
            self.lanes.put_back(work)
            return
        except BaseException:
            self.lanes.done(work, progressed=False, attempted=False)
            raise
        if attempt is None:
            self.lanes.done(work, progressed=False, attempted=False)
        else:
            self.hand_over(attempt)

    def _attempt(self, work: Work) -> Attempt | None:
        """Claim the row and make its one request; None if it is not ours to send."""
        token = work.lane.token
        if token is None:
            return None
        claim = self._claim(work)
        if claim is None:
            return None
        began = boot_clock()
        failpoint("before_connect")
        outcome, error = self.requests.make(work, claim, token)
        self.gate.note(error)
        if error is not None:
            self.lanes.suspend(work.lane)  # until what follows from it is done
        failpoint("after_answer")
        return Attempt(work, claim, token, outcome, error, round((boot_clock() - began) * 1000))

    def _claim(self, work: Work) -> Claim | None:
        attempt_id = uuid.uuid4().hex
        try:
            trial = work.lane.refusing is not None
            return self.claims.take(work.row, work.call, attempt_id, trial=trial)
        except DATABASE_ERRORS as error:
            if may_be_committed(error):
                self._take_back(work, attempt_id)
            raise

    def _take_back(self, work: Work, attempt_id: str) -> None:
        policy = Patience(self.stop, self.patience_seconds).policy()
        with suppress(*DATABASE_ERRORS):
            policy(take_back, self.database, work.row, attempt_id)
