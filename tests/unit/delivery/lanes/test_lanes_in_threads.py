"""Whatever happens to the rows, in threads: none is lost, none is at two senders, and every run ends."""

import threading
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.due_rows import due_row
from worker.clock import boot_clock
from worker.delivery.due import DueConnection
from worker.delivery.lanes.discovery import Discovery
from worker.delivery.lanes.dispatch import Lanes
from worker.delivery.lanes.lane import Lane, Work
from worker.delivery.lanes.sharing import Sharing
from worker.delivery.plan import Call
from worker.invites import Kind

FATES = ("sent", "stays", "is_taken", "put_back", "trouble", "closed")
VISITS = ("page", "page", "refresh", "look", "slow", "asks")
SENDERS, PREPARERS = 3, 2
FASTER = 200  # than the boot clock, so that the looks of a run come soon
LONGEST_SECONDS = 60.0  # of a run that ends, on a machine that is busy


class RowsInThreads:
    """Due rows, what is to happen to them one after the other, and threads that work on them."""

    def __init__(
        self,
        fates: list[list[str]],
        visits: list[str],
        *,
        ready: int,
        customers: int,
        at_work: Sequence[Sequence[str]] = (),
    ) -> None:
        """Lay them out; each row is sent in the end.

        *at_work* are the processes that one look after the other finds.
        """
        self.fates = [[*fate, "sent"] for fate in fates]
        self.visits = visits
        self.names = [f"c-{number % customers}" for number in range(len(fates))]
        self.left = set(range(len(fates)))
        self.sent: Counter[int] = Counter()
        self.at_senders: set[int] = set()
        self.most_ready = ready
        self.at_work = [*at_work]
        self.lock = threading.Lock()
        self.beside: list[threading.Thread] = []

    def run(self, *, limit: int | None = None) -> int:
        """Let one run do what it can; return how many were handed out and attempted."""
        ends_at = boot_clock() + LONGEST_SECONDS
        self.over_time = False
        self.attempted = 0

        def over() -> bool:
            self.over_time = self.over_time or boot_clock() > ends_at
            return self.over_time

        self.lanes = Lanes(
            Discovery(self._find, self._clock),
            over=over,
            clock=self._clock,
            ready=self.most_ready,
            preparers=PREPARERS,
            limit=limit,
            sharing=Sharing(self._find_others, self._clock, "b"),
        )
        with ThreadPoolExecutor(SENDERS + PREPARERS) as pool:
            works: list[Callable[[], None]] = [self._send] * SENDERS + [self._prepare] * PREPARERS
            done = [pool.submit(work) for work in works]
        for one in [*done]:
            one.result()
        for thread in self.beside:
            thread.join()
        assert not self.over_time, "the run did not end by itself"
        return self.attempted

    def _clock(self) -> float:
        return boot_clock() * FASTER

    def _find(self) -> list[DueConnection]:
        with self.lock:
            return [DueConnection(1, name) for name in sorted({self.names[row] for row in self.left})]

    def _find_others(self) -> Sequence[str]:
        with self.lock:
            return self.at_work.pop() if self.at_work else ()

    def _prepare(self) -> None:
        while (lane := self.lanes.next_to_prepare()) is not None:
            with self.lock:
                visit = self.visits.pop() if self.visits else "page"
            if visit == "refresh":
                self.lanes.set_aside(lane)
                self._beside(lambda lane=lane: self.lanes.prepared(lane))  # type: ignore[misc]
                continue
            lane.checked_until = self._clock() + 1000
            if visit != "asks" or self.lanes.may_ask(lane):
                self._page(lane, most=0 if visit == "look" else lane.room)
            self.lanes.prepared(lane, slow=visit == "slow")

    def _page(self, lane: Lane, *, most: int) -> None:
        if lane.read_to_end or len(lane.ready) >= most:
            return
        after = lane.cursor[1] if lane.cursor else -1
        with self.lock:
            due = [row for row in self.left if self.names[row] == lane.name and row > after]
        rows = sorted(row for row in due if lane.part.has(row))
        page = rows[:most]
        lane.read_to_end = len(rows) <= most
        for row in page:
            lane.cursor = (due_row().next_attempt_at, row)
            work = Work(lane, due_row(delivery_id=row, connection=lane.name), Call(Kind.REMOVE))
            if not self.lanes.put(work):
                lane.look_again = True
                break

    def _send(self) -> None:
        while (work := self.lanes.take()) is not None:
            assert self.lanes._room.rows <= self.most_ready + SENDERS
            row = work.row.delivery_id
            with self.lock:
                is_free = row in self.left and row not in self.at_senders
                fate = self.fates[row].pop(0) if is_free else "is_taken"
                if is_free:
                    self.at_senders.add(row)
            self._meet(work, fate)
            if is_free and fate != "trouble":
                with self.lock:
                    self.at_senders.discard(row)

    def _meet(self, work: Work, fate: str) -> None:
        lanes, lane = self.lanes, work.lane
        if fate == "put_back":
            with self.lock:
                self.at_senders.discard(work.row.delivery_id)
            lanes.put_back(work)
            return
        if fate == "is_taken":
            lanes.done(work, progressed=False, attempted=False)
            return
        self.attempted += 1
        if fate == "trouble":
            lanes.suspend(lane)
            self._beside(lambda: self._draw(work))
        elif fate == "sent":
            with self.lock:
                self.left.discard(work.row.delivery_id)
                self.sent[work.row.delivery_id] += 1
            lanes.done(work, progressed=True)
        else:
            if fate == "closed":
                lanes.close(lane)
            lanes.done(work, progressed=False)

    def _draw(self, work: Work) -> None:
        with self.lock:
            self.at_senders.discard(work.row.delivery_id)
        self.lanes.resume(work.lane)
        self.lanes.done(work, progressed=True)

    def _beside(self, work: Callable[[], None]) -> None:
        thread = threading.Thread(target=work)
        thread.start()
        self.beside.append(thread)


rows_and_fates = st.lists(st.lists(st.sampled_from(FATES), max_size=3), min_size=1, max_size=40)
visits_made = st.lists(st.sampled_from(VISITS), max_size=30)
processes_at_work = st.lists(st.sampled_from(((), ("a",), ("a", "c"))), max_size=8)
HARDLY_TIMED = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


@HARDLY_TIMED
@given(rows_and_fates, visits_made, st.integers(1, 12), st.integers(1, 6), processes_at_work)
def test_every_run_ends_and_in_the_end_each_row_was_sent_once(
    fates: list[list[str]], visits: list[str], ready: int, customers: int, at_work: list[tuple[str, ...]]
) -> None:
    """A run may leave what it could not send; the next ones do it, and nothing is lost or sent twice."""
    rows_in_threads = RowsInThreads(fates, visits, ready=ready, customers=customers, at_work=at_work)
    for _ in range(5 * len(fates) + 5):
        if not rows_in_threads.left:
            break
        rows_in_threads.run()

    assert rows_in_threads.sent == Counter(range(len(fates)))


@HARDLY_TIMED
@given(
    st.lists(st.lists(st.sampled_from(("put_back", "trouble")), max_size=3), min_size=1, max_size=40),
    visits_made,
    st.integers(1, 12),
    st.integers(1, 6),
)
def test_one_run_does_all_that_only_waited_for_its_turn(
    fates: list[list[str]], visits: list[str], ready: int, customers: int
) -> None:
    """What was put back, or waited for consequences or a refresh, is done before the run ends."""
    rows_in_threads = RowsInThreads(fates, visits, ready=ready, customers=customers)
    rows_in_threads.run()

    assert rows_in_threads.sent == Counter(range(len(fates)))


@HARDLY_TIMED
@given(rows_and_fates, visits_made, st.integers(1, 12), st.integers(1, 20))
def test_a_run_attempts_as_many_as_its_limit_at_most(
    fates: list[list[str]], visits: list[str], ready: int, limit: int
) -> None:
    """However they end, and anyone who gives some back."""
    rows_in_threads = RowsInThreads(fates, visits, ready=ready, customers=3)

    assert rows_in_threads.run(limit=limit) <= limit
