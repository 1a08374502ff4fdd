"""Hang up on a PostgreSQL that answers nobody, once the process is to end.

A server that is frozen, or a network that loses everything, leaves a statement waiting for ever, and no
timeout of PostgreSQL's own reaches it.  Anyone who waits is told that the connection is lost, as it is.
"""

import os
import socket
import threading
import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

# What began before the end waits for a row's lock for three seconds at most (see postgresql).
LAST_SECONDS = 5.0
LOOK_EVERY_SECONDS = 0.25
_LINE = "worker_line"


class Lines:
    """The connections of one engine, and since when each has been in use."""

    def __init__(self, engine: sa.Engine) -> None:
        """Watch the engine's pool."""
        self._lock = threading.Lock()
        self._busy: dict[int, float] = {}
        self._ending = False
        event.listen(engine, "connect", self._opened)
        event.listen(engine, "close", self._closed)
        event.listen(engine, "checkout", self._taken)
        event.listen(engine, "checkin", self._given_back)

    def hang_up_when_late(self, *, seconds: float = LAST_SECONDS) -> None:
        """From now on let no connection be in use for longer than *seconds*; returns at once."""
        with self._lock:
            begun, self._ending = self._ending, True
        if not begun:
            threading.Thread(target=self._watch, args=(seconds,), name="hanging-up", daemon=True).start()

    def _watch(self, seconds: float) -> None:
        began = time.monotonic()
        while True:
            time.sleep(LOOK_EVERY_SECONDS)
            self._shut_late(began, seconds)

    def _shut_late(self, began: float, seconds: float) -> None:
        """Shut what has been in use for longer, counted from *began* at the earliest."""
        latest = time.monotonic() - seconds
        with self._lock:
            for line in [line for line, since in self._busy.items() if max(since, began) < latest]:
                _shut(line)

    def _opened(self, raw: Any, record: Any) -> None:  # noqa: ANN401 -- the driver's and the pool's own types
        # A descriptor of our own: the driver's may be closed at any time, and its number be another's.
        record.info[_LINE] = os.dup(raw.fileno())

    def _closed(self, _raw: Any, record: Any) -> None:  # noqa: ANN401
        line = record.info.pop(_LINE, None)
        if line is None:
            return
        with self._lock:
            self._busy.pop(line, None)
            os.close(line)

    def _taken(self, _raw: Any, record: Any, _proxy: Any) -> None:  # noqa: ANN401
        with self._lock:
            self._busy[record.info[_LINE]] = time.monotonic()

    def _given_back(self, _raw: Any, record: Any) -> None:  # noqa: ANN401
        with self._lock:
            self._busy.pop(record.info.get(_LINE, -1), None)


def _shut(line: int) -> None:
    with socket.socket(fileno=os.dup(line)) as ours:
        try:
            ours.shutdown(socket.SHUT_RDWR)
        except OSError:  # it is shut already
            return
