"""What is repeated at once, how often, and after which wait."""

import threading
from collections.abc import Callable
from typing import NoReturn

import pytest
from hypothesis import given
from hypothesis import strategies as st
from structlog.testing import capture_logs

from worker.envoy.retries import (
    Repeating,
    is_harmless_to_read_again,
    read_policy,
    unsent_policy,
    was_not_sent,
)
from worker.errors import (
    EnvoyError,
    ExitCode,
    Forbidden,
    NotSent,
    OutcomeUnknown,
    Refused,
    Stopping,
    Throttled,
    Unauthorised,
)

REFUSED_CONNECTION = NotSent(error_code="connect_failed")


class Clock(threading.Event):
    """A stop event on which no time passes: it notes how long it was waited for."""

    def __init__(self) -> None:
        super().__init__()
        self.waits: list[float] = []

    def wait(self, timeout: float | None = None) -> bool:
        """Note the wait, and return at once."""
        self.waits.append(timeout or 0.0)
        return self.is_set()


class Stopped(Clock):
    """The same, set while it is waited for."""

    def wait(self, timeout: float | None = None) -> bool:
        """Note the wait, and stop."""
        self.set()
        return super().wait(timeout)


class Calls:
    """A request that ends as planned, time after time."""

    def __init__(self, *ends: BaseException | str) -> None:
        self.made = 0
        self._ends = ends

    def __call__(self) -> str:
        """Come to the next planned end; the last one stays."""
        end = self._ends[min(self.made, len(self._ends) - 1)]
        self.made += 1
        if isinstance(end, BaseException):
            raise end
        return end


@pytest.mark.parametrize(
    "trouble", [REFUSED_CONNECTION, OutcomeUnknown(), Throttled(), Throttled(retry_after=3)]
)
def test_a_read_is_repeated_until_it_succeeds(trouble: EnvoyError) -> None:
    """A GET does no harm, however its first try ended."""
    calls = Calls(trouble, trouble, "data")

    assert read_policy(Clock())(calls) == "data"
    assert calls.made == 3


def test_a_read_ends_with_the_last_error_after_three_attempts() -> None:
    """The caller sees Envoy's error, not the retry library's."""
    calls = Calls(OutcomeUnknown(error_code="http_500"))

    with pytest.raises(OutcomeUnknown):
        read_policy(Clock())(calls)

    assert calls.made == 3


@pytest.mark.parametrize(
    "trouble", [Refused(), Unauthorised(), Forbidden(), KeyboardInterrupt(), SystemExit()]
)
def test_what_repeating_cannot_mend_goes_up_at_once(trouble: BaseException) -> None:
    """A refusal stays a refusal, and Ctrl-C means it."""
    calls = Calls(trouble)

    with pytest.raises(type(trouble)):
        read_policy(Clock())(calls)

    assert calls.made == 1


@pytest.mark.parametrize(
    "trouble", [OutcomeUnknown(), Throttled(), NotSent(error_code="tls_failed"), Refused()]
)
def test_a_write_that_may_have_been_sent_is_never_repeated(trouble: EnvoyError) -> None:
    """Envoy has no idempotency key: a second POST would be a second invite."""
    calls = Calls(trouble)

    with pytest.raises(type(trouble)):
        unsent_policy(Clock())(calls)

    assert calls.made == 1


@pytest.mark.parametrize("code", ["connect_failed", "connect_timeout", "dns_failed", "pool_exhausted"])
def test_a_write_that_was_not_sent_is_tried_three_times(code: str) -> None:
    """No byte left this host, so nothing can happen twice."""
    calls = Calls(NotSent(error_code=code))

    with pytest.raises(NotSent):
        unsent_policy(Clock())(calls)

    assert calls.made == 3


def test_a_write_waits_shortly_and_a_read_longer() -> None:
    """A sender holds a claim in between; a read holds nothing, and Envoy needs time."""
    writes, reads = Clock(), Clock()
    for _ in range(200):
        for policy, clock in ((unsent_policy, writes), (read_policy, reads)):
            with pytest.raises(NotSent), capture_logs():
                policy(clock)(Calls(REFUSED_CONNECTION))

    assert len(writes.waits) == len(reads.waits) == 400
    assert max(writes.waits) <= 0.2
    assert 0.2 < max(reads.waits) <= 1.0


def test_the_wait_is_at_least_what_envoy_asked_for() -> None:
    """Retry-After is a lower bound, jitter or not."""
    clock = Clock()

    read_policy(clock)(Calls(Throttled(retry_after=7.0), "data"))

    assert clock.waits == [7.0]


def test_a_longer_pause_than_the_budget_goes_up_without_waiting() -> None:
    """The caller stores a hold; no thread sleeps a minute."""
    clock = Clock()

    with pytest.raises(Throttled):
        read_policy(clock)(Calls(Throttled(retry_after=60.0), "data"))

    assert clock.waits == []


@pytest.mark.parametrize("policy", [read_policy, unsent_policy])
def test_nothing_is_repeated_once_the_worker_stops(policy: Callable[[threading.Event], Repeating]) -> None:
    """A drain does not wait for second tries."""
    clock = Clock()

    def refused() -> NoReturn:
        clock.set()
        raise REFUSED_CONNECTION

    with pytest.raises(NotSent, match="connect_failed"):
        policy(clock)(refused)

    assert clock.waits == []


def test_a_stop_in_a_wait_ends_it_without_another_try() -> None:
    """The read that was to be repeated is left to the next run."""
    clock, calls = Stopped(), Calls(REFUSED_CONNECTION, "data")

    with pytest.raises(Stopping), capture_logs():
        read_policy(clock)(calls)

    assert (calls.made, len(clock.waits)) == (1, 1)


def test_no_read_is_begun_once_the_worker_stops() -> None:
    """Whatever is made of many reads ends with the one in flight; the exit code says: come back."""
    clock, calls = Clock(), Calls("data")
    clock.set()

    with pytest.raises(Stopping) as caught:
        read_policy(clock)(calls)

    assert (calls.made, caught.value.exit_code) == (0, ExitCode.TRY_LATER)


def test_a_write_that_was_claimed_goes_out_although_the_worker_stops() -> None:
    """Its intent is stored, and a drain lets what is in flight end."""
    clock = Clock()
    clock.set()

    assert unsent_policy(clock)(Calls("data")) == "data"


def test_each_repetition_is_announced() -> None:
    """The event has stable fields, and nothing of the error's text."""
    with capture_logs() as events:
        unsent_policy(Clock())(Calls(NotSent("secret words", error_code="connect_failed"), "data"))

    (event,) = events
    assert 0.0 <= event.pop("wait_seconds") <= 1.0
    assert event == {
        "event": "envoy.retry",
        "log_level": "warning",
        "attempt": 1,
        "error_code": "connect_failed",
    }


@given(st.sampled_from(EnvoyError.__subclasses__()), st.text())
def test_what_a_write_may_repeat_a_read_may_repeat_too(kind: type[EnvoyError], code: str) -> None:
    """And only NotSent lets a write be repeated."""
    error = kind(error_code=code)

    assert not was_not_sent(error) or is_harmless_to_read_again(error)
    assert not was_not_sent(error) or isinstance(error, NotSent)
