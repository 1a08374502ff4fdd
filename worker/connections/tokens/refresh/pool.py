"""The few threads that refresh tokens beside the work that uses them.

What waits is one entry a connection, so it is bounded by their number.  No thread waits for another
process that refreshes: the entry is put aside and looked at again.  A thread lives while there is work.
"""

import contextvars
import heapq
import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import Future
from dataclasses import dataclass, field
from itertools import count

import structlog

from worker.backoff import spread
from worker.clock import boot_clock
from worker.connections.tokens.expiry import AccessToken
from worker.errors import TryLater, WorkerError
from worker.settings.model import REFRESHERS
from worker.stopping import SLICE_SECONDS

LOOK_EVERY = (0.05, 0.25)
LOOKS_GROW, MOST_BETWEEN_LOOKS = 1.5, 1.0

Step = Callable[[int, int | None], AccessToken | None]

log = structlog.get_logger()


@dataclass(slots=True, eq=False)
class _Refresh:
    """One connection to refresh, and who is told what came of it."""

    connection_id: int
    name: str
    rejected_version: int | None
    is_awaited: bool
    future: Future[AccessToken] = field(default_factory=Future)
    context: contextvars.Context = field(default_factory=contextvars.copy_context)
    is_queued: bool = False
    looks: int = 0
    patient_until: float = 0.0

    def join(self, rejected_version: int | None, *, is_awaited: bool) -> None:
        """Serve one more who wants a token newer than the one that was refused."""
        if rejected_version is not None:
            self.rejected_version = max(rejected_version, self.rejected_version or 0)
        self.is_awaited |= is_awaited


class RefreshPool:
    """Refreshes connections in a few threads, each connection once at a time, awaited ones first."""

    def __init__(
        self,
        step: Step,
        *,
        ends: Callable[[], bool],
        patience_seconds: float,
        clock: Callable[[], float] = boot_clock,
    ) -> None:
        """Start no thread yet.

        *step* returns a token, None while another process refreshes; it never waits for that.  Once *ends*
        is true, nothing new is begun.
        """
        self._step = step
        self._ends = ends
        self._patience_seconds = patience_seconds
        self._clock = clock
        self._changed = threading.Condition()
        self._refreshes: dict[int, _Refresh] = {}  # all that are queued, put aside or in progress
        self._awaited: deque[_Refresh] = deque()
        self._early: deque[_Refresh] = deque()
        self._aside: list[tuple[float, int, _Refresh]] = []
        self._numbers = count()
        self._threads: set[threading.Thread] = set()
        self._is_watched = False  # a thread waits for what was put aside

    def __len__(self) -> int:
        """Return how many connections are queued, put aside or in progress."""
        return len(self._refreshes)

    def begin(
        self, connection_id: int, name: str, *, rejected_version: int | None, is_awaited: bool
    ) -> Future[AccessToken]:
        """Have a connection refreshed, unless that was begun already; return what will have the token.

        *is_awaited*: there is no token until then.  The future cannot be cancelled; its callbacks run in
        the refresher's thread, and must be quick.
        """
        with self._changed:
            refresh = self._refreshes.get(connection_id)
            if refresh is None:
                refresh = _Refresh(connection_id, name, rejected_version, is_awaited)
                refresh.future.set_running_or_notify_cancel()
                self._refreshes[connection_id] = refresh
                self._queue(refresh)
            else:
                was_awaited = refresh.is_awaited
                refresh.join(rejected_version, is_awaited=is_awaited)
                if refresh.is_queued and refresh.is_awaited and not was_awaited:
                    self._awaited.append(refresh)  # ahead of those that nobody waits for
            self._have_a_thread()
        return refresh.future

    def close(self) -> None:
        """Wait for what is in progress; what is not begun yet ends with TryLater.  *ends* must be true."""
        with self._changed:
            self._changed.notify_all()
            self._changed.wait_for(lambda: not self._threads)
        self._work()  # what no thread could be started for

    def _queue(self, refresh: _Refresh) -> None:
        refresh.is_queued = True
        (self._awaited if refresh.is_awaited else self._early).append(refresh)

    def _have_a_thread(self) -> None:
        if not (self._awaited or self._early):
            return
        if self._is_watched:
            self._is_watched = False
            self._changed.notify()
        elif len(self._threads) < REFRESHERS:
            thread = threading.Thread(target=self._work, name="refresher")
            thread.start()  # it begins by waiting for this lock
            self._threads.add(thread)

    def _work(self) -> None:
        while (refresh := self._next()) is not None:
            self._carry_out(refresh)

    def _next(self) -> _Refresh | None:
        """Return what to do next, None if this thread is needed no more."""
        with self._changed:
            while (refresh := self._taken()) is None:
                if not self._aside or self._is_watched:
                    self._threads.discard(threading.current_thread())
                    self._changed.notify_all()
                    return None
                self._is_watched = True
                # A stop cannot wake it up.
                self._changed.wait(min(SLICE_SECONDS, max(0.0, self._aside[0][0] - self._clock())))
                self._is_watched = False
            return refresh

    def _taken(self) -> _Refresh | None:
        ends = self._ends()
        while self._aside and (ends or self._aside[0][0] <= self._clock()):
            _, _, due = heapq.heappop(self._aside)
            due.is_queued = True
            self._awaited.append(due)
        for queue in (self._awaited, self._early):
            while queue:
                refresh = queue.popleft()
                if refresh.is_queued:  # else it was taken from the other queue
                    refresh.is_queued = False
                    return refresh
        return None

    def _carry_out(self, refresh: _Refresh) -> None:
        if self._ends():
            self._fail(refresh, TryLater(f"{refresh.name}: the worker is stopping"))
            return
        rejected_version = refresh.rejected_version
        try:
            token = refresh.context.run(self._step, refresh.connection_id, rejected_version)
        except BaseException as error:  # noqa: BLE001 -- those who wait are told, whatever it was
            self._fail(refresh, error)
        else:
            self._settle(refresh, token, rejected_version)

    def _settle(self, refresh: _Refresh, token: AccessToken | None, rejected_version: int | None) -> None:
        if token is None:
            self._put_aside(refresh)
            return
        with self._changed:
            newest = refresh.rejected_version
            # Somebody was refused with this very token while it was sought.
            if newest != rejected_version and newest is not None and token.version <= newest:
                self._queue(refresh)
                return
            del self._refreshes[refresh.connection_id]
        refresh.future.set_result(token)

    def _put_aside(self, refresh: _Refresh) -> None:
        """Look at it again in a moment: another process or thread refreshes it."""
        now = self._clock()
        if not refresh.looks:
            refresh.patient_until = now + self._patience_seconds
        if now >= refresh.patient_until:
            self._fail(refresh, TryLater(f"{refresh.name}: its token is being refreshed elsewhere"))
            return
        pause = spread(*LOOK_EVERY) * LOOKS_GROW**refresh.looks
        refresh.looks += 1
        with self._changed:
            at = now + min(pause, MOST_BETWEEN_LOOKS)
            heapq.heappush(self._aside, (at, next(self._numbers), refresh))

    def _fail(self, refresh: _Refresh, error: BaseException) -> None:
        with self._changed:
            del self._refreshes[refresh.connection_id]
            is_awaited = refresh.is_awaited
        if not is_awaited and not isinstance(error, WorkerError):
            log.error(
                "token.refresh_failed",
                connection=refresh.name,
                error_code="unexpected",
                error=type(error).__name__,
                hint="this is a bug: please report it",
            )
        refresh.future.set_exception(error)
