"""The order of the lanes, each in it once."""

import math

from worker.delivery.lanes.lane import Lane
from worker.delivery.lanes.round_robin import Turns


def lanes(*names: str) -> list[Lane]:
    """Make lanes."""
    return [Lane(number, name) for number, name in enumerate(names)]


def test_lanes_take_turns() -> None:
    """Who is put in again comes last."""
    turns = Turns()
    picked = []
    for lane in lanes("a", "b", "c"):
        turns.put(lane)
    for _ in range(4):
        served = turns.pick(0.0)
        assert served is not None
        picked.append(served.name)
        turns.put(served)

    assert picked == ["a", "b", "c", "a"]


def test_a_lane_is_in_once_however_often_it_is_put_in() -> None:
    """Everybody who may have changed something puts it in."""
    turns = Turns()
    [lane] = lanes("a")
    turns.put(lane)
    turns.put(lane, at=3.0)

    assert [turns.pick(5.0), turns.pick(5.0)] == [lane, None]


def test_a_lane_whose_time_is_known_comes_when_it_has_come() -> None:
    """Until then the time of the first one is the wait."""
    turns = Turns()
    a, b = lanes("a", "b")
    turns.put(a, at=7.0)
    turns.put(b, at=5.0)

    assert turns.pick(1.0) is None
    assert turns.seconds_to_wait(1.0) == 4.0
    assert [turns.pick(5.0), turns.pick(6.9), turns.pick(7.5)] == [b, None, a]
    assert turns.seconds_to_wait(8.0) == math.inf


def test_a_lane_that_is_put_in_for_an_earlier_time_comes_then_and_once() -> None:
    """Work that was put back does not wait for the place of the next one."""
    turns = Turns()
    [lane] = lanes("a")
    turns.put(lane, at=7.0)
    turns.put(lane, at=9.0)
    turns.put(lane, at=3.0)

    assert turns.seconds_to_wait(1.0) == 2.0
    assert [turns.pick(3.0), turns.pick(10.0)] == [lane, None]
    turns.put(lane, at=12.0)
    assert [turns.pick(11.0), turns.pick(12.0), turns.pick(13.0)] == [None, lane, None]
