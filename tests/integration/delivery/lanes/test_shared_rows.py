"""Several processes on one database: who is at work, which rows each reads, and what is left of another's."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from tests import worker_rows
from tests.integration.delivery.conftest import MakeWorker
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.database.owner import this_process
from worker.delivery.lanes.at_work import LATELY_SECONDS, processes_at_work
from worker.delivery.lanes.sharing import ALL, Part
from worker.delivery.prepare.due_page import due_page
from worker.failpoints import armed

ELSEWHERE = "another-host/7/7"  # of which nobody here can tell whether it is dead


def begin_attempt(worker: WorkerWithSandbox, owner: str | None, *, ago: float = 0.0) -> None:
    """Let a process have begun an attempt some time ago."""
    begun = worker.context.database.read_now() - timedelta(seconds=ago)
    worker_rows.add_attempt(worker, f"{owner}-{ago}", "v-1", owner=owner, started_at=begun)


def take_all(worker: WorkerWithSandbox) -> None:
    """Let another process have all rows for an attempt that comes to nothing."""
    worker_rows.let_another_have_tried(worker)
    begin_attempt(worker, ELSEWHERE)


def read(worker: WorkerWithSandbox, part: Part, *, size: int) -> list[list[int]]:
    """Return the pages of a part, each as its rows' ids."""
    database, pages, after, is_last = worker.context.database, [], None, False
    while not is_last:
        until = database.read_now()
        page = due_page(database, "acme", after=after, until=until, size=size, part=part)
        pages.append([row.delivery_id for row in page.rows])
        after, is_last = page.rows[-1].cursor if page.rows else after, page.is_last
    return pages


@contextmanager
def statements(worker: WorkerWithSandbox) -> Iterator[list[str]]:
    """Collect what is executed on a database."""
    seen: list[str] = []
    engine = worker.context.database.engine

    def note(_connection: object, _cursor: object, statement: str, *_: object) -> None:
        seen.append(statement)

    sa.event.listen(engine, "before_cursor_execute", note)
    yield seen
    sa.event.remove(engine, "before_cursor_execute", note)


def test_at_work_is_who_has_begun_an_attempt_of_late(worker: WorkerWithSandbox) -> None:
    """Not who is dead, whose last attempt was long ago, or whose clock was put back since."""
    worker.add()
    host, _, _ = this_process().rpartition("/")[0].partition("/")
    begin_attempt(worker, this_process(), ago=1)
    begin_attempt(worker, ELSEWHERE, ago=LATELY_SECONDS - 2)
    begin_attempt(worker, "long-ago/1/1", ago=LATELY_SECONDS + 1)
    begin_attempt(worker, "ahead/1/1", ago=-60)
    begin_attempt(worker, f"{host}/4194305/1")  # no process has such a number
    begin_attempt(worker, None)

    assert processes_at_work(worker.context.database) == {this_process(), ELSEWHERE}


@pytest.mark.parametrize("size", [1, 3, 100])
def test_the_parts_pages_have_every_due_row_once_and_the_oldest_first(
    worker: WorkerWithSandbox, size: int
) -> None:
    """However small the pages are: as many rows as asked for, where there are as many."""
    for number in range(12):
        worker.add(f"v-{number}")
    for number in (9, 10, 11):
        worker_rows.set_delivery(worker, f"v-{number}", next_attempt_at=datetime(2020, 1, 1, tzinfo=UTC))
    whole = [row for page in read(worker, ALL, size=100) for row in page]

    parts = [read(worker, Part(index, 3), size=size) for index in range(3)]

    for index, pages in enumerate(parts):
        own = [row for row in whole if Part(index, 3).has(row)]
        assert [row for page in pages for row in page] == own
        assert {len(page) for page in pages[:-1]} <= {size}
    assert whole[:3] == [10, 11, 12]


def test_a_process_beside_another_sends_its_own_part_first_and_then_what_is_left(
    make_worker: MakeWorker,
) -> None:
    """The other one is never heard of again: its rows are sent within seconds, the oldest first."""
    worker = make_worker(WORKER_PUSH__CONCURRENCY="1")
    worker.connect()
    for number in range(60):
        worker.add(f"v-{number}")

    with armed("before_claim", action=lambda: take_all(worker)):
        report = worker.push()

    own = Part(sorted([ELSEWHERE, this_process()]).index(this_process()), 2)
    assert report.counts["sent"] == 60
    assert sent(worker) == sorted(range(1, 61), key=lambda row: (not own.has(row), row))


def sent(worker: WorkerWithSandbox) -> list[int]:
    """Return the rows in the order in which they were sent by us."""
    query = "SELECT delivery_id FROM attempt WHERE verdict = 'sent' ORDER BY boot_seconds"
    return [row["delivery_id"] for row in worker.rows(query)]


@pytest.mark.parametrize("meet", [lambda _: None, lambda worker: begin_attempt(worker, ELSEWHERE)])
def test_a_process_whose_claims_are_granted_asks_nothing_about_others(
    worker: WorkerWithSandbox, meet: Callable[[WorkerWithSandbox], None]
) -> None:
    """Whether there are others or not: it executes not one statement for them."""
    for number in range(20):
        worker.add(f"v-{number}")
    meet(worker)

    with statements(worker) as seen:
        worker.push()

    assert len(sent(worker)) == 20
    assert not [one for one in seen if "attempt.owner" in one or one.startswith("SELECT delivery.next")]
