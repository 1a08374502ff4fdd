"""What time it is at Envoy, as the ``Date`` of its answers tells: a clock that no host of ours can set."""

import threading
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta

from worker.clock import boot_clock
from worker.envoy.http import http_date
from worker.envoy.http.late import Http

DAY_SECONDS = 86_400.0
PLAUSIBLE_YEARS = range(2000, 9000)  # both databases hold them, and they can be counted on from
RESTS_SECONDS = 60.0  # an answer costs nothing while the last one that was looked at is younger
ASK_SECONDS = 10.0


class ServerClock:
    """Envoy's time, kept up by the boot clock between two answers; shared by all threads."""

    def __init__(self, clock: Callable[[], float] = boot_clock) -> None:
        """Know nothing yet; *clock* tells how long ago an answer came."""
        self._clock = clock
        self._lock = threading.Lock()
        self._seen: tuple[datetime, float] | None = None

    def see(self, headers: Mapping[str, str]) -> None:
        """Take the time that an answer tells, whatever else it says."""
        seen, at = self._seen, self._clock()
        if seen is not None and at - seen[1] < RESTS_SECONDS:
            return
        self._take(http_date.parse(headers.get("Date")), at)

    def now(self) -> datetime | None:
        """Return Envoy's time, None if no answer of the last day told it."""
        with self._lock:
            if self._seen is None:
                return None
            time, at = self._seen
            elapsed = self._clock() - at
            return time + timedelta(seconds=elapsed) if elapsed <= DAY_SECONDS else None

    def ask(self, http: Http, url: str) -> None:
        """Ask for anything at all, without credentials: every answer with a date tells the time.

        Raises:
            EnvoyError: there was no answer.
        """
        answer = http.send("GET", url, deadline_seconds=ASK_SECONDS, max_bytes=None)
        self._take(http_date.parse(answer.headers.get("Date")), self._clock())

    def _take(self, time: datetime | None, at: float) -> None:
        if time is not None and time.year in PLAUSIBLE_YEARS:
            with self._lock:
                self._seen = time, at
