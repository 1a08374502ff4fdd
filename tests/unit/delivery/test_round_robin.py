"""The order of the lanes, and that those at rest cost nothing."""

from worker.delivery.freshness import Freshness
from worker.delivery.lane import Lane
from worker.delivery.prepare.round_robin import Turns


def lanes(*names: str) -> list[Lane]:
    """Make lanes."""
    return [Lane(number, name, Freshness(lambda: 0.0)) for number, name in enumerate(names)]


def test_lanes_take_turns() -> None:
    """Whoever was picked comes last."""
    turns = Turns()
    for lane in lanes("a", "b", "c"):
        turns.put(lane)

    picked = [turns.pick(0.0) for _ in range(4)]

    assert [lane.name for lane in picked if lane] == ["a", "b", "c", "a"]


def test_a_lane_at_rest_drops_out_until_it_is_put_in_again() -> None:
    """So nobody passes hundreds of them by for each row of the one that is left."""
    turns = Turns()
    a, b = lanes("a", "b")
    turns.put(a)
    turns.put(b)
    a.exhausted = True

    assert [turns.pick(0.0), turns.pick(0.0)] == [b, b]
    assert len(turns) == 1

    a.exhausted = False
    turns.put(a)
    turns.put(a)
    assert len(turns) == 2
    assert {turns.pick(0.0), turns.pick(0.0)} == {a, b}


def test_a_lane_that_waits_for_its_pace_comes_when_its_time_has_come() -> None:
    """Until then the time of the first one is the wait."""
    turns = Turns()
    a, b = lanes("a", "b")
    a.waits_until, b.waits_until = 7.0, 5.0
    turns.put(a)
    turns.put(b)

    assert turns.pick(1.0) is None
    assert turns.seconds_to_wait(1.0, most=10.0) == 4.0
    assert not turns.all_at_rest()
    assert turns.pick(5.0) is b
    assert turns.pick(7.5) in {a, b}


def test_a_run_is_over_when_every_lane_is_at_rest() -> None:
    """A closed lane that still waits for its time is at rest, too."""
    turns = Turns()
    [lane] = lanes("a")
    lane.waits_until = 9.0
    turns.put(lane)
    assert turns.pick(1.0) is None

    lane.closed = True

    assert turns.all_at_rest()
