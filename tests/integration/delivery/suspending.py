"""A worker that stands still at a named place, while others go on, until it is woken."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from worker.failpoints import armed

LONGEST_SECONDS = 30.0


@contextmanager
def suspended(job: Callable[[], object], place: str) -> Iterator[Callable[[], None]]:
    """Begin a job that stops at *place*; give what wakes it and returns when it has ended."""
    reached, woken = threading.Event(), threading.Event()

    def stand_still() -> None:
        reached.set()
        assert woken.wait(LONGEST_SECONDS), "nobody woke it"

    with ThreadPoolExecutor(1) as pool:
        with armed(place, action=stand_still):
            running = pool.submit(job)
            assert reached.wait(LONGEST_SECONDS), f"it never came to {place}"

        def wake() -> None:
            woken.set()
            running.result(LONGEST_SECONDS)

        try:
            yield wake
        finally:
            wake()
