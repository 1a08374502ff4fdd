"""One thread at a time for each connection, within this process."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from weakref import WeakValueDictionary

from worker.stopping import Wait


class Flights:
    """Locks by connection, forgotten when nobody holds them."""

    def __init__(self, stop: threading.Event) -> None:
        """Hold none; *stop* ends the waits for another thread."""
        self._stop = stop
        self._guard = threading.Lock()
        self._locks: WeakValueDictionary[int, threading.Lock] = WeakValueDictionary()

    def __len__(self) -> int:
        """Return how many connections are being refreshed or waited for."""
        return len(self._locks)

    @contextmanager
    def enter(self, connection_id: int, *, seconds: float) -> Iterator[bool]:
        """Wait up to *seconds* to be alone with a connection; give whether it came to that."""
        with self._guard:
            lock = self._locks.setdefault(connection_id, threading.Lock())
        alone = Wait(self._stop, seconds).acquire(lock)
        try:
            yield alone
        finally:
            if alone:
                lock.release()
