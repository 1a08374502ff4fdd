"""Threads for what may wait long for a customer's answer: of each customer one thing at a time, in turn."""

import threading
from collections import deque
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import TypeAlias

Work: TypeAlias = Callable[[], object]


class InTurn:
    """Does what it is given, of several connections at once, and of one connection one after the other.

    So a customer whose answers hang has one of the threads, however much there is to do for it.
    """

    def __init__(self, threads: int, name: str) -> None:
        """Start no thread before there is work."""
        self._pool = ThreadPoolExecutor(threads, thread_name_prefix=name)
        self._waiting: dict[int, deque[Work]] = {}  # of each connection that has something under way
        self._changed = threading.Condition()

    def submit(self, connection_id: int, work: Work) -> None:
        """Have something done for a connection; it must not raise.

        Raises:
            RuntimeError: the system gives no thread.
        """
        with self._changed:
            if connection_id in self._waiting:
                self._waiting[connection_id].append(work)
            else:
                self._pool.submit(self._do, connection_id, work)
                self._waiting[connection_id] = deque()

    def shutdown(self) -> None:
        """Wait until all is done that was given."""
        with self._changed:
            self._changed.wait_for(lambda: not self._waiting)
        self._pool.shutdown(wait=True)

    def _do(self, connection_id: int, work: Work) -> None:
        try:
            work()
        finally:
            with self._changed:
                # Nothing is known of it where its own thread could not be started, and another took it.
                if following := self._waiting.get(connection_id):
                    # Behind what waits for others; this thread takes it, even if no other can be started.
                    with suppress(RuntimeError):
                        self._pool.submit(self._do, connection_id, following.popleft())
                else:
                    self._waiting.pop(connection_id, None)
                    self._changed.notify_all()
