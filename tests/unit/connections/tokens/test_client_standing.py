"""What this process knows about its own credentials."""

from datetime import UTC, datetime, timedelta

from worker.connections.tokens.refresh.client_standing import ClientStanding


class Clock:
    """A clock that is turned by hand."""

    def __init__(self) -> None:
        self.now = datetime(2031, 5, 6, tzinfo=UTC)

    def __call__(self) -> datetime:
        """Return the time that it shows."""
        return self.now

    def advance(self, seconds: float) -> None:
        """Let time pass, or go back."""
        self.now += timedelta(seconds=seconds)


def test_a_refusal_is_news_once_until_a_success() -> None:
    """One alarm, however many connections meet the wrong secret; a new one after it was repaired."""
    client = ClientStanding(Clock())

    assert [client.refused() for _ in range(3)] == [True, False, False]
    client.served(1)

    assert client.refused() is True


def test_a_refusal_lets_refreshing_rest_for_a_minute() -> None:
    """A success ends it earlier."""
    clock = Clock()
    client = ClientStanding(clock)
    assert client.resting() == ""

    client.refused()
    clock.advance(59)
    assert "credentials" in client.resting()
    clock.advance(1)

    assert client.resting() == ""


def test_a_clock_that_is_put_back_does_not_prolong_the_rest() -> None:
    """Before its own beginning a rest is over."""
    clock = Clock()
    client = ClientStanding(clock)
    client.throttled(3600)
    clock.advance(-1)

    assert client.resting() == ""


def test_a_429_without_a_time_stops_nobody_else() -> None:
    """Only what Envoy asks for holds for all connections."""
    client = ClientStanding(Clock())
    client.throttled(None)

    assert client.resting() == ""


def test_no_connection_is_its_own_witness() -> None:
    """That a connection was served says nothing about its own refusal."""
    clock = Clock()
    client = ClientStanding(clock)
    client.served(1)

    assert client.has_served_another(1) is False
    assert client.has_served_another(2) is True
    clock.advance(901)
    assert client.has_served_another(2) is False
