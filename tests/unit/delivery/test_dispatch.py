"""Whose turn it is: fairness, pace, and the end of a run."""

from collections.abc import Callable

from tests.unit.delivery.making import due_row
from worker.delivery.freshness import Freshness
from worker.delivery.lane import Lane, Work
from worker.delivery.plan import Call
from worker.delivery.prepare.dispatch import Lanes
from worker.delivery.rows import DueConnection
from worker.invites import Kind


class Yard:
    """Lanes over rows that lie in memory, read a page at a time, under a clock that a test moves."""

    def __init__(self, rows: dict[str, int], *, page: int = 2, limit: int | None = None) -> None:
        """Lay out so many rows for each connection."""
        self.rows = rows
        self.page = page
        self.time = 100.0
        self.step = 0.0  # by which the clock moves whenever it is read
        self.reserve: Callable[[Lane], float] | None = None
        self.limit = limit
        self.over = False
        self.is_over: Callable[[], bool] = lambda: self.over
        self.looking: Callable[[], object] = lambda: None

    def lanes(self) -> Lanes:
        """Make the lanes."""
        return Lanes(
            fill=self._fill,
            reserve=self.reserve,
            discover=self._discover,
            clock=self._clock,
            discover_every=5.0,
            limit=self.limit,
            over=self.is_over,
        )

    def _discover(self) -> list[DueConnection]:
        self.looking()
        return [DueConnection(1, name) for name, left in self.rows.items() if left]

    def _clock(self) -> float:
        self.time += self.step
        return self.time

    def _fill(self, lane: Lane) -> None:
        number = min(self.page, self.rows[lane.name])
        self.rows[lane.name] -= number
        lane.read_to_end = number < self.page
        lane.ready.extend(Work(lane, due_row(connection=lane.name), Call(Kind.REMOVE)) for _ in range(number))


def drain(lanes: Lanes) -> list[str]:
    """Take all the work there is, and name the connections in the order in which they were served."""
    served = []
    while (work := lanes.next()) is not None:
        served.append(work.lane.name)
        lanes.done(work, progressed=True)
    return served


def test_connections_take_turns_however_much_one_has() -> None:
    """Three rows are served among the first seven, though another connection has a hundred."""
    served = drain(Yard({"big": 100, "small": 3}).lanes())

    assert len(served) == 103
    assert served[:7].count("small") == 3


def test_a_closed_lane_is_not_served_and_ends_nothing_else() -> None:
    """One connection's trouble is its own."""
    yard = Yard({"a": 4, "b": 4})
    lanes = yard.lanes()
    first = lanes.next()
    assert first is not None

    lanes.close(first.lane)
    lanes.done(first, progressed=False)

    other = {"a": "b", "b": "a"}[first.lane.name]
    assert drain(lanes) == [other] * 4


def test_a_limit_is_the_most_that_is_handed_out() -> None:
    """No page is read for more, and nothing is handed out beyond it."""
    assert len(drain(Yard({"a": 50}, limit=7).lanes())) == 7


def test_two_threads_do_not_both_take_the_last_one() -> None:
    """One saw that one was left, and the other took it; from then on there would be no limit at all."""
    yard = Yard({"a": 5, "b": 5}, limit=1)
    threads: list[Work | None] = []

    def overtake() -> bool:
        if not threads:
            threads.append(None)  # so that the other one is not overtaken, too
            threads[0] = lanes.next()
        return False

    yard.is_over = overtake
    lanes = yard.lanes()
    threads.append(lanes.next())

    assert [work is not None for work in threads] == [True, False]


def test_what_is_finished_without_a_call_counts_for_the_limit_beforehand() -> None:
    """Two threads that read two pages at once do not both finish as many as the limit allows."""
    lanes = Yard({"a": 1, "b": 1}, limit=3).lanes()
    lane = Lane(1, "a", Freshness(lambda: 0.0))

    assert [lanes.allowed(2), lanes.allowed(2)] == [2, 1]
    lanes.settled(lane, 0, allowed=1)
    assert lanes.allowed(9) == 1


def test_a_lane_that_is_opened_again_is_read_from_its_beginning() -> None:
    """What it had ready when it was closed is still due, though its cursor is behind it."""
    yard = Yard({"a": 2, "b": 2}, page=3)
    lanes = yard.lanes()
    first, other = lanes.next(), lanes.next()
    assert first is not None
    assert other is not None

    lanes.close(first.lane)
    for work in (first, other):
        lanes.done(work, progressed=False)
    yard.rows["a"] = 2
    yard.time += 6

    served = drain(lanes)
    assert served.count("a") == 2


def test_rows_that_cannot_be_sent_now_do_not_keep_a_run_alive() -> None:
    """Without progress a lane is exhausted, and the run ends."""
    lanes = Yard({"a": 3}).lanes()
    taken = 0
    while (work := lanes.next()) is not None:
        taken += 1
        lanes.done(work, progressed=False)

    assert taken == 3


def test_a_run_that_is_over_hands_out_nothing() -> None:
    """A drain begins nothing new."""
    yard = Yard({"a": 3})
    lanes = yard.lanes()
    assert lanes.next() is not None

    yard.over = True

    assert lanes.next() is None


def test_a_reserved_place_is_waited_for_while_others_are_served() -> None:
    """A connection whose turn comes later delays nobody; its row goes out when its time has come."""
    yard = Yard({"slow": 1, "quick": 2})
    yard.reserve = lambda lane: 30.0 if lane.name == "slow" else 0.0
    lanes = yard.lanes()

    quick = [lanes.next(), lanes.next()]
    assert [work.lane.name for work in quick if work] == ["quick", "quick"]
    for work in quick:
        assert work is not None
        lanes.done(work, progressed=True)
    yard.time += 31
    assert drain(lanes) == ["slow"]


def test_a_place_too_far_ahead_is_asked_for_again() -> None:
    """Above a minute nothing was reserved, so nothing is sent on the strength of it."""
    yard = Yard({"a": 1})
    asked: list[float] = []

    def reserve(_lane: Lane) -> float:
        asked.append(yard.time)
        return 61.0 if len(asked) == 1 else 0.0

    yard.reserve = reserve
    yard.step = 20.0

    assert drain(yard.lanes()) == ["a"]
    assert len(asked) == 2


def test_a_lane_on_trial_has_one_request_in_flight_until_it_succeeds() -> None:
    """Others are served meanwhile; afterwards it is served as they are."""
    lanes = Yard({"a": 6, "b": 2}).lanes()
    first = lanes.next()
    assert first is not None
    assert first.lane.name == "a"
    first.lane.on_trial = True

    others = [lanes.next(), lanes.next()]
    assert [work.lane.name for work in others if work] == ["b", "b"]

    lanes.done(first, progressed=True)
    second = lanes.next()
    assert second is not None
    assert second.lane.name == "a"
    second.lane.on_trial = False
    assert [work.lane.name for work in (lanes.next(), lanes.next()) if work] == ["a", "a"]


def test_with_many_connections_the_pages_are_small() -> None:
    """What lies in memory is bounded for all together; a limit bounds a page, too."""
    few, many = Yard({"a": 1}).lanes(), Yard({f"c-{n}": 1 for n in range(500)}).lanes()
    limited = Yard({"a": 9}, limit=3).lanes()
    for lanes in (few, many, limited):
        assert lanes.next() is not None

    assert [few.page_size(100), many.page_size(100), limited.page_size(100)] == [100, 20, 2]


def test_one_thread_looks_for_due_connections_while_the_others_go_on() -> None:
    """A slow look keeps nobody waiting, and nobody takes the run for over meanwhile."""
    yard = Yard({"a": 2})
    lanes = yard.lanes()
    meanwhile: list[str] = []
    first = lanes.next()
    assert first is not None
    lanes.done(first, progressed=False)

    def go_on() -> None:
        work = lanes.next()
        assert work is not None
        meanwhile.append(work.lane.name)
        lanes.done(work, progressed=False)

    yard.time += 6
    yard.looking = go_on

    assert lanes.next() is None
    assert meanwhile == ["a"]
