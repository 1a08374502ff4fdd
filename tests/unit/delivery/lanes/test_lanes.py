"""Whose turn it is: fairness, pace, bounds, and the end of a run."""

import math
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from tests.due_rows import due_row
from worker.delivery.due import DueConnection
from worker.delivery.lanes.bounds import PAGE
from worker.delivery.lanes.discovery import Discovery
from worker.delivery.lanes.dispatch import Lanes
from worker.delivery.lanes.lane import Lane, Work
from worker.delivery.plan import Call
from worker.invites import Kind

Found = TypeVar("Found")


class Rows:
    """Due rows in memory, and lanes over them, under a clock that a test moves."""

    def __init__(self, rows: dict[str, int], *, limit: int | None = None, ready: int = 10_000) -> None:
        """Lay out so many rows for each connection."""
        self.rows = rows
        self.time = 100.0
        self.over = False
        self.news = 0
        self.looks = 0
        self.lanes = Lanes(
            Discovery(self._find, lambda: self.time, lambda: self.news),
            over=lambda: self.over,
            clock=lambda: self.time,
            limit=limit,
            ready=ready,
        )

    def _find(self) -> list[DueConnection]:
        self.looks += 1
        return [DueConnection(1, name) for name, left in self.rows.items() if left]

    def prepare(self, *, slots: Callable[[Lane], float] = lambda _: 0.0) -> Lane:
        """Prepare the page of the lane whose turn it is."""
        lane = self.lanes.next_to_prepare()
        assert lane is not None
        self._read_page(lane, slots)
        return lane

    def prepare_while_there_is_room(self) -> int:
        """Prepare all pages that may be read before anything is sent; return how many rows they have."""
        before = sum(self.rows.values())
        while (lane := self.within_reach(self.lanes.next_to_prepare)) is not None:
            self._read_page(lane, lambda _: 0.0)
        return before - sum(self.rows.values())

    def _read_page(self, lane: Lane, slots: Callable[[Lane], float]) -> None:
        lane.checked_until = self.time + 60
        number = min(lane.room, self.rows[lane.name])
        self.rows[lane.name] -= number
        lane.read_to_end = number < lane.room
        for _ in range(number):
            row = due_row(connection=lane.name)
            assert self.lanes.put(Work(lane, row, Call(Kind.REMOVE), slots(lane)))
        self.lanes.prepared(lane)

    def take(self) -> Work:
        """Take work that is there."""
        work = self.lanes.take()
        assert work is not None
        return work

    def turn_stale(self) -> None:
        """Let a sender find that nothing may be handed out before it was looked at."""
        assert self.within_reach(self.lanes.take) is None

    def within_reach(self, ask: Callable[[], Found]) -> Found | None:
        """Return what is found at once; None if it would be waited for."""
        with ThreadPoolExecutor(1) as pool:
            found = pool.submit(ask)
            try:
                return found.result(timeout=1)
            except TimeoutError:
                self.over = True
                found.result()
                return None
            finally:
                self.over = self.lanes._has_ended = False

    def drain(self) -> list[str]:
        """Take all the work that there is, while somebody prepares; name the connections as they came."""
        served = []
        with ThreadPoolExecutor(1) as pool:
            preparing = pool.submit(self._prepare_all)
            while (work := self.lanes.take()) is not None:
                served.append(work.lane.name)
                self.lanes.done(work, progressed=True)
            preparing.result()
        return served

    def _prepare_all(self) -> None:
        while (lane := self.lanes.next_to_prepare()) is not None:
            lane.checked_until = self.time + 60
            number = min(lane.room, self.rows[lane.name])
            self.rows[lane.name] -= number
            lane.read_to_end = number < lane.room
            for _ in range(number):
                self.lanes.put(Work(lane, due_row(connection=lane.name), Call(Kind.REMOVE)))
            self.lanes.prepared(lane)


def test_connections_take_turns_however_much_one_has() -> None:
    """Three rows are served among the first seven, though another connection has a hundred."""
    rows = Rows({"big": 100, "small": 3})
    rows.prepare()
    rows.prepare()

    served = rows.drain()

    assert len(served) == 103
    assert served[:7].count("small") == 3


def test_a_closed_lane_is_not_served_and_ends_nothing_else() -> None:
    """One connection's trouble is its own."""
    rows = Rows({"a": 4, "b": 4})
    rows.prepare()
    rows.prepare()
    first = rows.take()

    rows.lanes.close(first.lane)
    rows.lanes.done(first, progressed=False)

    other = {"a": "b", "b": "a"}[first.lane.name]
    assert rows.drain() == [other] * 4


def test_a_limit_is_the_most_that_is_handed_out() -> None:
    """Whatever is ready beyond it stays."""
    assert len(Rows({"a": 50}, limit=7).drain()) == 7


def test_no_more_is_planned_than_a_page_beyond_the_limit() -> None:
    """The rest would be read and planned for nothing: half a push of a thousand beside a million."""
    rows = Rows(dict.fromkeys("abcdefghijkl", 1000), limit=5)
    assert rows.prepare_while_there_is_room() == 5 + PAGE


def test_work_that_was_not_attempted_does_not_count_for_the_limit() -> None:
    """A row that somebody else has taken is no attempt: another one is handed out in its place."""
    rows = Rows({"a": 5}, limit=1)
    rows.prepare()
    first = rows.take()
    rows.lanes.done(first, progressed=False, attempted=False)

    second = rows.take()
    rows.lanes.done(second, progressed=True)

    assert rows.lanes.take() is None


def test_a_sender_waits_where_another_one_has_taken_the_last_of_the_limit() -> None:
    """It may come back: then the limit is kept to the number, and nobody has gone home too early."""
    rows = Rows({"a": 5}, limit=1)
    rows.prepare()
    first = rows.take()
    with ThreadPoolExecutor(1) as pool:
        other = pool.submit(rows.lanes.take)
        rows.lanes.done(first, progressed=False, attempted=False)
        work = other.result(timeout=30)

    assert work is not None
    rows.lanes.done(work, progressed=True)
    assert rows.lanes.take() is None


def test_what_is_finished_without_a_call_counts_for_the_limit_beforehand() -> None:
    """Two threads that read two pages at once do not both finish as many as the limit allows."""
    lanes = Rows({"a": 1, "b": 1}, limit=3).lanes
    lane = Lane(1, "a")

    assert [lanes.allowed(2), lanes.allowed(2)] == [2, 1]
    lanes.settled(lane, 0, allowed=1)
    assert lanes.allowed(9) == 1


def test_a_lane_that_is_opened_again_is_read_from_its_beginning() -> None:
    """What it had ready when it was closed is still due, though its cursor is behind it."""
    rows = Rows({"a": 2, "b": 2})
    rows.prepare()
    rows.prepare()
    first = rows.take()
    first.lane.cursor = (due_row().next_attempt_at, 7)
    rows.lanes.close(first.lane)
    rows.lanes.done(first, progressed=False)

    rows.rows[first.lane.name] = 2
    rows.time += 6
    again = rows.prepare()

    assert (again, again.cursor) == (first.lane, None)


def test_rows_that_cannot_be_sent_now_do_not_keep_a_run_alive() -> None:
    """Without progress a lane is exhausted, and the run ends."""
    rows = Rows({"a": 3})
    rows.prepare()
    for _ in range(3):
        rows.lanes.done(rows.take(), progressed=False)

    assert rows.lanes.take() is None
    assert rows.lanes.next_to_prepare() is None


def test_a_run_that_is_over_hands_out_nothing() -> None:
    """A drain begins nothing new."""
    rows = Rows({"a": 3})
    rows.prepare()
    rows.take()

    rows.over = True

    assert rows.lanes.take() is None


def test_a_place_in_the_pace_is_waited_for_while_others_are_served() -> None:
    """A connection whose turn comes later delays nobody; its row goes out when its time has come."""
    rows = Rows({"slow": 1, "quick": 2})
    for _ in range(2):
        rows.prepare(slots=lambda lane: 130.0 if lane.name == "slow" else 0.0)

    quick = [rows.take(), rows.take()]
    assert [work.lane.name for work in quick] == ["quick", "quick"]
    for work in quick:
        rows.lanes.done(work, progressed=True)
    rows.time += 31
    assert rows.take().lane.name == "slow"


def test_what_was_found_out_too_long_ago_is_looked_at_before_it_is_handed_out() -> None:
    """Its token, hold and pace may be others by now; the rows stay planned."""
    rows = Rows({"a": 2})
    lane = rows.prepare()
    rows.time += 61

    with ThreadPoolExecutor(1) as pool:
        taken = pool.submit(rows.lanes.take)
        again = rows.lanes.next_to_prepare()
        assert again is lane
        assert not taken.done()
        lane.checked_until = rows.time + 5
        rows.lanes.prepared(lane)
        assert taken.result(timeout=30) is not None


def test_work_that_is_put_back_is_the_next_of_its_lane_once_that_was_looked_at() -> None:
    """Nothing was done about it, and nothing of it is lost."""
    rows = Rows({"a": 2})
    lane = rows.prepare()
    first = rows.take()

    rows.lanes.put_back(first)

    assert rows.lanes.next_to_prepare() is lane
    lane.checked_until = rows.time + 5
    rows.lanes.prepared(lane)
    assert rows.take() is first


def test_a_suspended_lane_hands_out_nothing_until_it_has_had_its_consequences() -> None:
    """Two troubles at once are two consequences."""
    rows = Rows({"a": 3, "b": 1})
    rows.prepare()
    rows.prepare()
    first = rows.take()
    lane = first.lane
    for _ in range(2):
        rows.lanes.suspend(lane)
    rows.lanes.done(first, progressed=True)
    other = rows.take()
    rows.lanes.done(other, progressed=True)
    assert (lane.name, other.lane.name) == ("a", "b")

    rows.lanes.resume(lane)
    assert lane.is_stopped
    rows.lanes.resume(lane)
    assert rows.lanes.next_to_prepare() is lane


def test_a_lane_on_trial_has_one_request_in_flight_until_it_succeeds() -> None:
    """Others are served at the same time; afterwards it is served as they are."""
    rows = Rows({"a": 6, "b": 2})
    for _ in range(2):
        rows.prepare()
    first = rows.take()
    first.lane.on_trial = True
    served = {first.lane.name: 1}

    for _ in range(2 if first.lane.name == "a" else 6):
        name = rows.take().lane.name
        served[name] = served.get(name, 0) + 1
    assert served[first.lane.name] == 1

    first.lane.on_trial = False
    rows.lanes.done(first, progressed=True)
    assert rows.take().lane is first.lane


def test_how_much_lies_ready_is_bounded_for_all_together_and_for_each() -> None:
    """With many connections the pages are small, and none is read where no room is left."""
    few, many = Rows({"a": 500}), Rows({f"c-{n}": 50 for n in range(500)})
    tight = Rows({f"c-{n}": 50 for n in range(5)}, ready=25)
    few.prepare()
    assert few.rows["a"] == 400
    many.prepare()
    assert min(many.rows.values()) == 30

    for _ in range(3):
        tight.prepare()
    read = 5 * 50 - sum(tight.rows.values())

    assert read == 25


def test_lanes_that_take_long_leave_preparers_for_the_others() -> None:
    """Two of them may be under way at once; a quick one comes before a third."""
    rows = Rows(dict.fromkeys(("a", "b", "c", "d"), 500))
    lanes = [lane for _ in range(4) if (lane := rows.lanes.next_to_prepare()) is not None]
    quick = lanes[3]
    for lane in lanes:
        rows.lanes.prepared(lane, slow=lane is not quick)
    found = [rows.lanes.next_to_prepare() for _ in range(3)]

    assert quick in found
    assert [lane.slow for lane in found if lane].count(True) == 2


def test_news_are_looked_for_at_once_and_else_every_few_seconds() -> None:
    """A run that is busy with one customer finds another one's row when it is written."""
    rows = Rows({"a": 500, "b": 0})
    rows.prepare()
    rows.rows["b"] = 1
    rows.news += 1
    rows.time += 1

    rows.prepare()

    assert rows.looks == 2
    assert {rows.take().lane.name, rows.take().lane.name} == {"a", "b"}


def test_a_run_does_not_end_while_somebody_looks_for_due_connections() -> None:
    """A slow look keeps nobody waiting, and nobody takes the run for over because of it."""
    rows = Rows({"a": 1})
    looking, go_on = threading.Event(), threading.Event()
    find = rows.lanes._discovery.find

    def slow() -> list[DueConnection]:
        looking.set()
        go_on.wait(30)
        return list(find())

    rows.lanes._discovery.find = slow
    with ThreadPoolExecutor(2) as pool:
        preparing = pool.submit(rows.prepare)
        assert looking.wait(30)
        taken = pool.submit(rows.lanes.take)
        go_on.set()
        preparing.result(timeout=30)
        assert taken.result(timeout=30) is not None


def test_ready_work_that_waits_for_a_look_gets_it_though_there_is_no_room() -> None:
    """Only what is sent makes room: else nobody would send, and nobody would prepare, for ever."""
    rows = Rows({f"c-{n}": 50 for n in range(5)}, ready=25)
    first, second = rows.prepare(), rows.prepare()
    rows.prepare()
    rows.time += 61  # what was found out about them is too old by now

    rows.turn_stale()
    lane = rows.within_reach(rows.lanes.next_to_prepare)
    assert lane in {first, second}
    assert lane.room == 0


def test_a_lane_that_waits_for_its_refresh_takes_no_room_from_others() -> None:
    """However many wait for a token endpoint that hangs, one that has a token is prepared."""
    rows = Rows({f"c-{n}": 50 for n in range(5)}, ready=25)
    for _ in range(3):
        lane = rows.lanes.next_to_prepare()
        assert lane is not None
        rows.lanes.set_aside(lane)

    assert rows.prepare().ready


def test_rows_in_vain_do_not_keep_a_run_alive_however_long_a_sweep_of_them_takes() -> None:
    """They are found due again and again, by the looks of the run, while they are tried."""
    rows = Rows({"a": 3, "b": 3})
    for _ in range(20):
        for name in ("a", "b"):
            rows.rows[name] = 3
        lane = rows.within_reach(rows.lanes.next_to_prepare)
        if lane is None:
            break
        lane.checked_until = rows.time + 60
        lane.read_to_end = True
        rows.lanes.put(Work(lane, due_row(connection=lane.name), Call(Kind.REMOVE)))
        rows.lanes.prepared(lane)
        work = rows.take()
        rows.time += 20
        rows.lanes.done(work, progressed=False, attempted=False)
    else:
        raise AssertionError("it never ends")

    assert rows.lanes.take() is None


def test_what_was_in_vain_is_tried_again_when_callers_have_written() -> None:
    """It may be what is new."""
    rows = Rows({"a": 1, "b": 500})
    a, _ = rows.prepare(), rows.prepare()
    work = rows.take()
    while work.lane is not a:
        rows.lanes.done(work, progressed=False)
        work = rows.take()
    rows.lanes.done(work, progressed=False)
    assert a.exhausted

    rows.rows["a"] = 1
    rows.news += 1
    rows.time += 1
    found = [rows.lanes.next_to_prepare(), rows.within_reach(rows.lanes.next_to_prepare)]

    assert a in found


def test_those_who_ask_envoy_leave_a_preparer_for_those_who_need_not() -> None:
    """Of four preparers three may wait for answers; who may not ask comes again when one has come."""
    rows = Rows(dict.fromkeys("abcdef", 5))
    visits = [rows.lanes.next_to_prepare() for _ in range(4)]
    lanes = [lane for lane in visits if lane is not None]
    assert [rows.lanes.may_ask(lane) for lane in lanes] == [True, True, True, False]
    rows.lanes.prepared(lanes[3])

    fifth, sixth = rows.prepare(), rows.prepare()
    assert {fifth, sixth}.isdisjoint(lanes)
    assert rows.within_reach(rows.lanes.next_to_prepare) is None

    rows.lanes.prepared(lanes[0])
    assert lanes[3] in {rows.lanes.next_to_prepare(), rows.lanes.next_to_prepare()}
    assert rows.lanes.may_ask(lanes[3])


def test_a_slow_lane_has_its_turn_though_quick_ones_always_wait() -> None:
    """Else it would be lost for as long as the others have work."""
    rows = Rows(dict.fromkeys("abcd", 500))
    slow = rows.lanes.next_to_prepare()
    assert slow is not None
    rows.lanes.prepared(slow, slow=True)
    served = []
    for _ in range(6):
        lane = rows.lanes.next_to_prepare()
        assert lane is not None
        rows.lanes.prepared(lane)
        served.append(lane)

    assert slow in served


def test_a_run_that_was_over_for_one_is_over_for_all() -> None:
    """Who would look for what came since may have gone home: then somebody would wait for ever."""
    rows = Rows({"a": 0})
    assert rows.lanes.next_to_prepare() is None

    rows.rows["a"] = 1
    rows.news += 1
    rows.time += 6

    assert rows.lanes.take() is None


def test_connections_that_are_through_are_looked_for_together() -> None:
    """One look tells which of them have more due; nobody reads another page of each."""
    rows = Rows({f"c-{n}": 3 for n in range(20)})
    pages = [rows.prepare() for _ in range(20)]
    for _ in range(60):
        rows.lanes.done(rows.take(), progressed=True)

    again = pages[7]
    rows.rows[again.name] = 1
    assert rows.prepare() is again
    rows.lanes.done(rows.take(), progressed=True)
    assert rows.lanes.next_to_prepare() is None
    assert rows.looks == 3


def test_a_look_that_takes_long_is_not_made_for_each_connection_that_is_through() -> None:
    """It rests in proportion to what it took; the others wait until one serves them all."""
    time = [100.0]

    def find() -> list[DueConnection]:
        time[0] += 0.1
        return []

    discovery = Discovery(find, lambda: time[0])
    assert discovery.begin()
    discovery.look()
    discovery.end()
    discovery.is_wanted = True

    assert not discovery.begin()
    time[0] += discovery.seconds_to_wait()
    assert (round(time[0], 6), discovery.begin()) == (102.1, True)
    assert (discovery.is_wanted, discovery.seconds_to_wait()) == (False, math.inf)


def test_what_was_found_a_moment_ago_is_the_first_look() -> None:
    """It is not made once more, but for what callers have written since."""
    news, known = [3], [DueConnection(1, "a")]
    discovery = Discovery(lambda: [DueConnection(2, "b")], lambda: time, lambda: news[0], known=known, seen=2)
    time = 100.0

    assert discovery.begin()
    assert (discovery.look(), discovery.had_news) == (known, False)
    discovery.end()
    time += 1
    assert discovery.begin()
    assert (discovery.look(), discovery.had_news) == ([DueConnection(2, "b")], True)
