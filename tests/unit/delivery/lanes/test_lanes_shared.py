"""Lanes of a process that is not alone: its own part first, and what is left of the others' in the end."""

from tests.due_rows import due_row
from worker.clock import boot_clock
from worker.delivery.due import DueConnection
from worker.delivery.lanes.discovery import Discovery
from worker.delivery.lanes.dispatch import Lanes
from worker.delivery.lanes.lane import LEFT_SECONDS, Lane, Work
from worker.delivery.lanes.sharing import LEAST_REFUSED, Part, Sharing
from worker.delivery.plan import Call
from worker.invites import Kind

OWN = Part(0, 2)  # of the process a, beside b
ROWS = range(1, 21)


class Beside:
    """The lane of one connection in a process named a, under a clock that a test moves."""

    def __init__(self, *others: str) -> None:
        """Lay out the rows; nothing is read yet."""
        self.time = 100.0
        self.others = others
        self.news = 0
        self.left = list(ROWS)
        ends_at = boot_clock() + 10  # for anyone who waits for what does not come
        self.lanes = Lanes(
            Discovery(lambda: [DueConnection(1, "acme")], lambda: self.time, lambda: self.news),
            over=lambda: boot_clock() > ends_at,
            clock=lambda: self.time,
            sharing=Sharing(lambda: self.others, lambda: self.time, "a"),
        )

    def visit(self) -> Lane:
        """Give the lane to a preparer, and read all that it may."""
        lane = self.lanes.next_to_prepare()
        assert lane is not None
        self.read(lane)
        return lane

    def read(self, lane: Lane) -> None:
        """Read all rows that the lane may have, as its preparer."""
        lane.checked_until = self.time + 1_000
        after = lane.cursor[1] if lane.cursor else 0
        for row in [row for row in self.left if row > after and lane.part.has(row)]:
            made = due_row(delivery_id=row)
            lane.cursor = made.cursor
            self.lanes.put(Work(lane, made, Call(Kind.REMOVE)))
        lane.read_to_end = True
        self.lanes.prepared(lane)

    def send(self, lane: Lane, *, refused: bool = False) -> list[int]:
        """Send all that lies ready, or have it refused; return the rows."""
        rows = []
        while lane.ready:
            work = self.lanes.take()
            assert work is not None
            rows.append(work.row.delivery_id)
            if not refused:
                self.left.remove(work.row.delivery_id)
            self.lanes.done(work, progressed=not refused, attempted=not refused)
        return rows

    def meet(self) -> Lane:
        """Read all rows, and have the first claims refused, since another process has them."""
        lane = self.visit()
        for _ in range(LEAST_REFUSED):
            work = self.lanes.take()
            assert work is not None
            self.lanes.done(work, progressed=False, attempted=False)
        return lane


def belonging(*, to_us: bool) -> list[int]:
    """Return the rows that are our own, or the others'."""
    return [row for row in ROWS if OWN.has(row) is to_us]


def test_after_refused_claims_the_own_part_is_read_from_the_beginning() -> None:
    """What was planned of the others' rows is thrown away, and the oldest of the own ones come first."""
    beside = Beside("b")
    lane = beside.meet()

    assert beside.visit() is lane
    assert beside.send(lane) == belonging(to_us=True)


def test_refused_claims_of_a_process_that_is_alone_change_nothing() -> None:
    """A caller may have changed the rows: what lies ready is sent."""
    beside = Beside()
    lane = beside.meet()
    assert beside.lanes._look_that_is_due() is not None  # as the next preparer does
    beside.lanes._share()

    assert beside.send(lane) == list(ROWS)[LEAST_REFUSED:]


def test_what_is_left_of_the_others_rows_is_taken_a_second_after_the_own_part_was_sent() -> None:
    """Not before, for they are at it; and then all is sent and the run ends, no matter who has died."""
    beside = Beside("b")
    lane = beside.meet()
    beside.visit()
    beside.send(lane)

    assert (len(lane.ready), lane.visit_at(beside.time)) == (0, beside.time + LEFT_SECONDS)
    beside.time += LEFT_SECONDS
    beside.visit()
    assert beside.send(lane) == belonging(to_us=False)

    beside.visit()
    assert beside.lanes.is_over()


def test_own_rows_that_are_written_in_between_are_sent_at_once() -> None:
    """They do not wait until the others have had their time."""
    beside = Beside("b")
    lane = beside.meet()
    own = belonging(to_us=True)
    beside.left.remove(own[-1])
    beside.visit()
    beside.send(lane)

    beside.left.append(own[-1])
    beside.news += 1
    beside.time += LEFT_SECONDS / 4
    beside.visit()

    assert beside.send(lane) == [own[-1]]


def test_others_rows_are_taken_in_time_though_own_ones_keep_coming() -> None:
    """The second counts from when the own part was sent first."""
    beside = Beside("b")
    lane = beside.meet()
    own = belonging(to_us=True)
    beside.left = belonging(to_us=False)
    for _ in range(2):
        beside.left.append(own.pop())
        beside.news += 1
        beside.visit()
        beside.send(lane)
        beside.time += LEFT_SECONDS * 0.6

    beside.left.append(own.pop())
    beside.visit()

    assert {work.row.delivery_id for work in lane.ready} == set(beside.left)


def test_a_refused_claim_ends_the_taking_of_others_rows() -> None:
    """They are at work after all: their rows are left to them for another second."""
    beside = Beside("b")
    lane = beside.meet()
    beside.visit()
    beside.send(lane)
    beside.time += LEFT_SECONDS
    beside.visit()
    works = [beside.lanes.take(), beside.lanes.take()]

    for work, refused in zip(works, (False, True), strict=True):
        assert work is not None
        beside.lanes.done(work, progressed=not refused, attempted=not refused)
    beside.send(lane)
    beside.visit()

    assert lane.part == OWN


def test_a_lane_that_a_preparer_has_begins_anew_when_it_comes_back() -> None:
    """What that preparer had begun to read was for another part."""
    beside = Beside("b")
    lane = beside.visit()
    works = [beside.lanes.take() for _ in range(LEAST_REFUSED)]
    lane.ready.clear()
    lane.read_to_end = False
    for work in works[1:]:
        assert work is not None
        beside.lanes.done(work, progressed=False, attempted=False)
    busy = beside.lanes.next_to_prepare()
    assert busy is lane
    assert works[0] is not None
    beside.lanes.done(works[0], progressed=False, attempted=False)
    assert beside.lanes._look_that_is_due() is not None
    beside.lanes._share()

    beside.read(lane)
    assert (len(lane.ready), lane.cursor) == (0, None)
    beside.visit()

    assert beside.send(lane) == belonging(to_us=True)
