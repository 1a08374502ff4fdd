"""Which ends of a request speak against Envoy's host."""

import pytest

from worker.connections.usable.gate import speaks_against_the_host
from worker.errors import (
    EnvoyError,
    Forbidden,
    Misdirected,
    NotFound,
    NotSent,
    OutcomeUnknown,
    RouteLost,
    Stopping,
    Throttled,
    Unauthorised,
)


@pytest.mark.parametrize("error", [OutcomeUnknown(), NotSent(), Misdirected(), RouteLost()])
def test_silence_and_nonsense_do(error: EnvoyError) -> None:
    """They are what an outage looks like."""
    assert speaks_against_the_host(error)


@pytest.mark.parametrize(
    "error",
    [
        None,
        Unauthorised(),
        Forbidden(),
        NotFound(),
        Throttled(),
        OutcomeUnknown(error_code="http_409"),
        NotSent(error_code="lease_over"),
        NotSent(error_code="pool_exhausted"),
        NotSent(error_code="client_closed"),
        Stopping(),
        OutcomeUnknown(error_code="pages_repeat"),
        OutcomeUnknown(error_code="too_many_items"),
        OutcomeUnknown(error_code="unexpected"),
    ],
)
def test_real_answers_and_our_own_troubles_do_not(error: EnvoyError | None) -> None:
    """A refusal shows that Envoy is up; a conflict or a bound of our own says nothing."""
    assert not speaks_against_the_host(error)
