"""For how long a run believes what it has seen of a connection."""

from datetime import timedelta

from tests.unit.delivery.making import NOW
from worker.connections.tokens import AccessToken
from worker.delivery.freshness import Freshness


def test_a_token_is_believed_for_a_moment_and_not_after_trouble() -> None:
    """Five seconds, or a twentieth of a short life; then the database is asked again."""
    time = [0.0]
    fresh = Freshness(clock=lambda: time[0])
    long_lived = AccessToken("t", 1, NOW, NOW + timedelta(days=1))
    short_lived = AccessToken("t", 1, NOW, NOW + timedelta(seconds=3))

    fresh.keep(long_lived)
    time[0] = 4.9
    assert fresh.token() is long_lived
    time[0] = 5.1
    assert fresh.token() is None

    fresh.keep(short_lived)
    time[0] = 5.3
    assert fresh.token() is None

    fresh.keep(long_lived)
    fresh.forget()
    assert fresh.token() is None


def test_a_success_is_news_once_a_second_and_at_once_after_trouble() -> None:
    """The database is not written to for every invite of an undisturbed connection."""
    time = [0.0]
    fresh = Freshness(clock=lambda: time[0])

    assert [fresh.success_is_news(), fresh.success_is_news()] == [True, False]
    fresh.forget()
    assert fresh.success_is_news()
    time[0] = 1.5
    assert fresh.success_is_news()
