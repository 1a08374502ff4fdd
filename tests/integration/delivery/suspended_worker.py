"""A worker that stands still at a named place, while others go on, until it is woken."""

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager

from worker.failpoints import armed

LONGEST_SECONDS = 30.0


@contextmanager
def suspended(job: Callable[[], object], place: str, *, surely: bool = True) -> Iterator[Callable[[], None]]:
    """Begin a job that stops at *place*; give what wakes it and returns when it has ended.

    Unless it does so *surely*, it may have come to its end without having come there.
    """
    reached, woken, ended = threading.Event(), threading.Event(), threading.Event()

    def stand_still() -> None:
        reached.set()
        assert woken.wait(LONGEST_SECONDS), "nobody woke it"

    def run() -> None:
        try:
            job()
        finally:
            ended.set()
            reached.set()

    with ThreadPoolExecutor(1) as pool:
        with armed(place, action=stand_still):
            running = pool.submit(run)
            assert reached.wait(LONGEST_SECONDS), f"it neither came to {place} nor to its end"
        assert not (surely and ended.is_set()), f"it never came to {place}"

        def wake() -> None:
            woken.set()
            running.result(LONGEST_SECONDS)

        try:
            yield wake
        finally:
            wake()
