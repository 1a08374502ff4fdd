"""The system gives no more threads: whatever needs one ends with an error, and nothing waits for ever."""

import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import pytest
from structlog.testing import capture_logs

from tests.integration.delivery.journal_with_rows import JournalWithRows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.delivery.push import work_all
from worker.failpoints import armed
from worker.sandbox import Faults

MORE_THAN_THERE_IS = 1 << 46  # bytes, for the stack of each thread


@contextmanager
def no_more_threads() -> Iterator[None]:
    """Let none be started within the block, as where a container's limit is reached."""
    before = threading.stack_size(MORE_THAN_THERE_IS)
    try:
        yield
    finally:
        threading.stack_size(before)


@pytest.fixture
def exhausted() -> Iterator[Callable[[], object]]:
    """Give what lets no thread be started from then on, to the end of the test."""
    before = threading.stack_size()
    yield lambda: threading.stack_size(MORE_THAN_THERE_IS)
    threading.stack_size(before)


def test_a_journal_that_could_not_be_started_is_started_by_the_next(
    journal_with_rows: JournalWithRows,
) -> None:
    """Who hands something in is told, and does not wait; nothing of it is written later."""
    with no_more_threads(), pytest.raises(RuntimeError):
        journal_with_rows.claim(journal_with_rows.rows[0])

    assert journal_with_rows.claim(journal_with_rows.rows[1]) is not None
    assert journal_with_rows.statuses()[:2] == ["pending", "sending"]


def test_a_verdict_that_cannot_be_handed_over_is_printed(
    worker: WorkerWithSandbox, exhausted: Callable[[], object]
) -> None:
    """It is told with its id, for a person; the run ends, and does not wait for it to be stored."""
    worker.add()

    def end_journal() -> None:
        worker.context.journal.close()  # as it ends by itself while requests take long
        exhausted()

    with (
        armed("after_answer", action=end_journal),
        capture_logs() as lines,
        pytest.raises(RuntimeError),
    ):
        worker.push()

    (made,) = worker.sandbox.invites()
    (told,) = [line for line in lines if line.get("error_code") == "verdict_not_stored"]
    assert told["envoy_invite_id"] == made["id"]


def test_a_run_ends_whose_consequences_have_no_thread(
    worker: WorkerWithSandbox, exhausted: Callable[[], object]
) -> None:
    """The verdict is stored; the run says what went wrong instead of waiting for what follows from it."""
    worker.add()
    worker.sandbox.set_faults(Faults(error_429_share=1.0))

    with armed("after_verdict_commit", action=exhausted), pytest.raises(RuntimeError):
        worker.push()

    assert worker.delivery()["status"] == "pending"


class _Works(tuple[Callable[[], None], ...]):
    """Works, of which the second finds no thread."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Callable[[], None]]:
        """Give one after the other."""
        first, second = super().__iter__()
        yield first
        with no_more_threads():
            yield second


def test_a_stage_without_all_its_threads_ends() -> None:
    """The threads that were started are told, for without the others a run might never end."""
    failed: list[BaseException] = []
    over = threading.Event()

    def end(error: BaseException) -> None:
        failed.append(error)
        over.set()

    def work() -> None:
        assert over.wait(30), "nobody has told it"

    work_all(_Works([work, work]), failed=end)

    assert [type(error) for error in failed] == [RuntimeError]
