"""How often a long ledger is searched for refusals that are alike."""

from worker.delivery.consequences.refused_alike import Rests


class Clock:
    """A clock that stands still until it is turned."""

    now = 100.0

    def __call__(self) -> float:
        """Return the time that it shows."""
        return self.now


def test_a_short_examination_is_followed_by_the_next_at_once() -> None:
    """With few refusals each one is compared as it comes."""
    clock = Clock()
    rests = Rests(clock)

    with rests.after():
        clock.now += 0.04

    assert rests.are_over()


def test_a_long_examination_is_followed_by_nine_times_as_long_a_rest() -> None:
    """Thousands of refusals do not make the drain a search through the ledger."""
    clock = Clock()
    rests = Rests(clock)

    with rests.after():
        clock.now += 1.0

    assert not rests.are_over()
    clock.now += 8.5
    assert not rests.are_over()
    clock.now += 0.5
    assert rests.are_over()
