"""The gate before Envoy while it is being asked: what others say in between, and whose word counts."""

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest

from tests.integration.connections.worker_with_token_endpoint import WorkerWithTokenEndpoint
from worker.connections.model import Host
from worker.connections.usable.gate import AskedNow, Gate
from worker.connections.usable.holds import Holds
from worker.connections.usable.host_outage import Outages
from worker.errors import EnvoyError, NotSent, OutcomeUnknown, Throttled, TryLater

ACME, OTHER = 1, 2
SECONDS = (5.0, 900.0)


class Asked:
    """A gate whose probes say what a test wants, and do something in between."""

    def __init__(self, worker: WorkerWithTokenEndpoint) -> None:
        """Connect two customers; everyone is answered."""
        self.worker = worker
        for name, company in (("acme", "1"), ("other", "2")):
            worker.connect(name, company)
        self.outages = Outages(worker.database, "envoy", hold_seconds=SECONDS, rate_per_second=2)
        holds = Holds(worker.database, hold_seconds=SECONDS, rate_per_second=2)
        self.stop = threading.Event()
        self.gate = Gate(self.outages, holds, self._probe, self.stop, patience_seconds=0.05)
        self.failing: dict[int, EnvoyError] = {}
        self.in_between: Callable[[], object] = lambda: None
        self.asked: list[int] = []

    def _probe(self, token: str) -> None:
        self.asked.append(int(token))
        self.in_between()
        if error := self.failing.get(int(token)):
            raise error

    def ask(self, connection_id: int, *, suspect: bool = False) -> type[Exception] | None:
        """Require an answer with a connection's token, and return what it met instead."""
        try:
            self.gate.require_seen(
                self.gate.seen(), connection_id, lambda: str(connection_id), suspect=suspect
            )
        except (EnvoyError, TryLater) as error:
            return type(error)
        return None

    def host(self) -> Host:
        """Return how the host stands."""
        return self.outages.look()[0]

    def let_holds_end(self) -> None:
        """Let the time of every hold have come."""
        self.worker.clock.advance(901)


@pytest.fixture
def asked(worker: WorkerWithTokenEndpoint) -> Asked:
    """Give a gate that nothing speaks against."""
    return Asked(worker)


def test_nobody_is_asked_while_nothing_speaks_against_the_host(asked: Asked) -> None:
    """An answer of Envoy's own does not, whatever it says."""
    asked.gate.note(None)
    asked.gate.note(Throttled())

    assert asked.ask(ACME) is None
    assert asked.asked == []


def test_a_doubt_that_comes_while_the_host_is_asked_is_not_disproved_by_the_answer(asked: Asked) -> None:
    """The answer may have been on its way already when the next request was lost: it is asked again."""
    asked.gate.note(OutcomeUnknown())
    asked.in_between = lambda: asked.gate.note(OutcomeUnknown()) if len(asked.asked) == 1 else None

    assert [asked.ask(ACME), asked.ask(ACME), asked.ask(ACME)] == [None] * 3
    assert asked.asked == [ACME, ACME]


def test_the_failure_of_one_that_asks_on_trial_makes_the_others_ask_too(asked: Asked) -> None:
    """Nothing spoke against the host before; now somebody must be answered before anyone goes on."""
    asked.failing = {ACME: OutcomeUnknown()}

    assert asked.ask(ACME, suspect=True) is OutcomeUnknown
    assert [asked.ask(OTHER), asked.ask(OTHER)] == [None, None]
    assert asked.asked == [ACME, OTHER]


def test_an_answer_makes_every_failure_before_it_worthless(asked: Asked) -> None:
    """One failed, then one was answered, then another failed: these are no two witnesses in a row."""
    asked.failing = {ACME: OutcomeUnknown()}
    asked.ask(ACME, suspect=True)
    asked.ask(OTHER)
    asked.failing = {OTHER: OutcomeUnknown()}

    assert asked.ask(OTHER, suspect=True) is OutcomeUnknown
    assert asked.host().hold_count == 0


def test_the_witnesses_of_one_outage_say_nothing_about_the_next_probe(asked: Asked) -> None:
    """When the stored time has come two must fail again, before the host is held for longer."""
    asked.gate.note(OutcomeUnknown())
    asked.failing = {ACME: OutcomeUnknown(), OTHER: OutcomeUnknown()}
    asked.ask(ACME)
    asked.ask(OTHER)
    assert asked.host().hold_count == 1
    asked.let_holds_end()

    assert asked.ask(OTHER) is OutcomeUnknown
    assert (asked.host().hold_count, asked.host().probe_owner) == (1, None)
    asked.ask(ACME)
    assert asked.host().hold_count == 2


def test_a_process_that_is_to_end_asks_nobody(asked: Asked) -> None:
    """It has nothing to send any more; another one asks."""
    asked.gate.note(OutcomeUnknown())
    asked.stop.set()

    assert asked.ask(ACME) is TryLater
    assert asked.asked == []


def test_an_answer_that_is_a_refusal_clears_the_host(asked: Asked) -> None:
    """Envoy is up, though it does not serve this customer."""
    asked.gate.note(OutcomeUnknown())
    asked.failing = {ACME: Throttled()}

    assert [asked.ask(ACME), asked.ask(ACME)] == [None, None]
    assert asked.asked == [ACME]


def test_a_probe_that_was_not_even_sent_clears_nothing(asked: Asked) -> None:
    """Our own pool was exhausted: the next one asks."""
    asked.gate.note(OutcomeUnknown())
    asked.failing = {ACME: NotSent(error_code="pool_exhausted")}

    assert asked.ask(ACME) is NotSent
    assert asked.ask(OTHER) is None
    assert asked.asked == [ACME, OTHER]


def test_a_thread_does_not_wait_for_ever_until_another_has_asked(asked: Asked) -> None:
    """After a while it leaves its connection to the next run."""
    asked.gate.note(OutcomeUnknown())
    asking, done = threading.Event(), threading.Event()

    def wait() -> None:
        asking.set()
        done.wait(10)

    asked.in_between = wait
    with ThreadPoolExecutor(1) as pool:
        first = pool.submit(asked.ask, ACME)
        assert asking.wait(10)
        assert asked.ask(OTHER) is AskedNow
        done.set()
        assert first.result(10) is None
    assert asked.asked == [ACME]


def test_an_outage_leaves_holds_for_other_reasons_as_they_are(asked: Asked) -> None:
    """It neither replaces them nor ends them, though they may happen to end at the same time."""
    worker = asked.worker
    worker.change("other", hold_reason="rate_limited", held_until=worker.clock() + timedelta(seconds=3600))
    before = worker.row("other")

    asked.outages.hold(asked.host(), OutcomeUnknown())
    assert (worker.row("acme").hold_reason, worker.row("other")) == ("outage", before)

    worker.change("other", held_until=asked.host().held_until)
    asked.outages.end(asked.host())
    assert (worker.row("acme").hold_reason, worker.row("other").hold_reason) == (None, "rate_limited")
