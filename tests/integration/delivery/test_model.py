"""The whole under anything that may happen, in any order: nothing is lost, nothing is sent twice."""

import os
import sys
from typing import Any

import pytest
from hypothesis import HealthCheck, Phase, settings
from hypothesis import strategies as st
from hypothesis.errors import Flaky, StopTest
from hypothesis.stateful import (
    Bundle,
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

from tests.integration.delivery import invariants, overtaken_requests
from tests.integration.delivery.conftest import Fresh
from tests.integration.delivery.overtaken_requests import DOUBTS
from tests.integration.delivery.strategies import (
    CHANGES,
    CIRCUMSTANCES,
    HOURS,
    LOOK_PLACES,
    MOST_VISITS,
    PUSH_PLACES,
    SAFE_PLACES,
    WORKERS,
)
from tests.integration.delivery.two_workers import Circumstances, TwoWorkers
from worker.invites import restored

EXAMPLES = int(os.environ.get("MODEL_EXAMPLES", "0"))
SETTINGS = settings(
    max_examples=EXAMPLES or 8,
    stateful_step_count=20,
    derandomize=not EXAMPLES,
    database=None,
    deadline=None,
    phases=[Phase.generate, Phase.shrink],
    report_multiple_bugs=False,
    suppress_health_check=list(HealthCheck),
)


class Delivery(RuleBasedStateMachine):
    """Callers, workers, a person, clocks and Envoy's moods, one step at a time."""

    fresh: Fresh
    failures: list[BaseException]
    visits = Bundle("visits")

    def __init__(self) -> None:
        """Take a fresh database."""
        super().__init__()
        self.given = self.fresh()
        self.url = self.given.__enter__()

    @initialize(target=visits, reading=st.booleans())
    def begin(self, reading: bool) -> str:
        """Connect a customer, who lets us read invites or not, and wants a first visit."""
        self.two_workers = TwoWorkers(self.url, reading=reading)
        return self.two_workers.add()

    @precondition(lambda self: len(self.two_workers.keys) < MOST_VISITS)
    @rule(target=visits, columns=CHANGES)
    def add(self, columns: dict[str, Any]) -> str:
        """Let a caller add a visit."""
        return self.two_workers.add(**columns)

    @precondition(lambda self: len(self.two_workers.keys) < MOST_VISITS)
    @rule(target=visits)
    def add_unseen(self) -> str:
        """Let a visit come about that no trigger has seen."""
        return self.two_workers.add_unseen()

    @rule(key=visits, columns=CHANGES)
    def change(self, key: str, columns: dict[str, Any]) -> None:
        """Let a caller change a visit, call it off, or want it after all."""
        self.two_workers.change(key, **columns)

    @rule(worker=WORKERS, circumstances=CIRCUMSTANCES)
    def push(self, worker: str, circumstances: Circumstances) -> None:
        """Let a worker push what is due."""
        self.two_workers.meet(circumstances)
        self.two_workers.workers[worker].push()

    @rule(worker=WORKERS, circumstances=CIRCUMSTANCES)
    def reconcile(self, worker: str, circumstances: Circumstances) -> None:
        """Let a worker look up what is due for it."""
        self.two_workers.meet(circumstances)
        self.two_workers.workers[worker].reconcile()

    @rule(circumstances=CIRCUMSTANCES)
    def work_together(self, circumstances: Circumstances) -> None:
        """Let both workers push and look up at once."""
        self.two_workers.meet(circumstances)
        self.two_workers.all_at_once()

    @rule(worker=WORKERS, circumstances=CIRCUMSTANCES, place=PUSH_PLACES, nth=st.integers(1, 2))
    def crash_pushing(self, worker: str, circumstances: Circumstances, place: str, nth: int) -> None:
        """Let a worker die while it pushes."""
        self.two_workers.meet(circumstances)
        self.two_workers.crash(self.two_workers.workers[worker].push, place, nth)

    @rule(worker=WORKERS, circumstances=CIRCUMSTANCES, place=LOOK_PLACES)
    def crash_looking(self, worker: str, circumstances: Circumstances, place: str) -> None:
        """Let a worker die while it looks up."""
        self.two_workers.meet(circumstances)
        self.two_workers.crash(self.two_workers.workers[worker].reconcile, place, 1)

    @rule(circumstances=CIRCUMSTANCES, in_between=CIRCUMSTANCES, place=SAFE_PLACES, resolved=st.booleans())
    def overtake(
        self, circumstances: Circumstances, in_between: Circumstances, place: str, resolved: bool
    ) -> None:
        """Let A be slow before its claim or with its answer, while B and a person do what they see fit."""

        def overtaken() -> None:
            self.two_workers.meet(in_between)
            self.two_workers.workers["B"].push()
            self.two_workers.workers["B"].reconcile()
            for key in self.two_workers.unknown() if resolved else ():
                self.two_workers.resolve(key)

        self.two_workers.meet(circumstances)
        self.two_workers.interrupt(self.two_workers.workers["A"].push, place, overtaken)

    @rule(columns=CHANGES, doubt=DOUBTS)
    def change_amid_a_doubt(self, columns: dict[str, Any], doubt: str) -> None:
        """Let callers change every visit while A's request is on its way to a doubtful end; B goes on."""
        overtaken_requests.change_amid_a_doubt(self.two_workers, columns, doubt)

    @precondition(lambda self: len(self.two_workers.keys) < MOST_VISITS)
    @rule(target=visits, columns=CHANGES)
    def late_answer(self, columns: dict[str, Any]) -> str:
        """Let B hear so late of a new visit that it was looked up, changed, and planned again by A."""
        return overtaken_requests.late_answer(self.two_workers, columns)

    @precondition(lambda self: len(self.two_workers.keys) < MOST_VISITS)
    @rule(target=visits)
    def late_refusal(self) -> str:
        """Let A hear of a refusal so late that B's next attempt at a new visit is on its way."""
        return overtaken_requests.late_refusal(self.two_workers)

    @rule()
    def expire(self) -> None:
        """Let Envoy take no access token any more that it has given so far."""
        self.two_workers.sandbox.expire_access_tokens()

    @rule(hours=HOURS)
    def jump(self, hours: int) -> None:
        """Let the database's clock jump."""
        self.two_workers.pass_time(3600 * hours)

    @rule(over=st.booleans())
    def say_restored(self, over: bool) -> None:
        """Let an operator say that the database comes from a backup, or that this is over."""
        if over:
            restored.end(self.two_workers.worker.context.database)
        else:
            self.two_workers.say_restored()

    @rule(number=st.integers(0, 9))
    def resolve(self, number: int) -> None:
        """Let a person look into Envoy and settle a doubt, if there is one."""
        # No precondition: what is in doubt is a matter of threads, and Hypothesis wants to repeat itself.
        if doubts := self.two_workers.unknown():
            self.two_workers.resolve(doubts[number % len(doubts)])

    @invariant()
    def nothing_is_wrong(self) -> None:
        """Whatever happened: no visit is there twice, and what is said to be sent is there."""
        invariants.judge(self.two_workers)

    def teardown(self) -> None:
        """Let all trouble end: then Envoy has exactly what is wanted."""
        failed = sys.exc_info()[1]
        if failed is not None and not isinstance(failed, StopTest):
            self.failures.append(failed)
        try:
            if failed is None:
                self.end_well()
        finally:
            if hasattr(self, "two_workers"):
                self.two_workers.close()
            self.given.__exit__(None, None, None)

    def end_well(self) -> None:
        """Run dry, and judge the end."""
        try:
            self.two_workers.run_dry()
            invariants.judge(self.two_workers)
            invariants.envoy_has_what_is_wanted(self.two_workers.worker)
        except BaseException as error:
            self.failures.append(error)
            raise


@pytest.mark.parametrize("kind", ["sqlite", "postgresql"])
def test_whatever_happens_each_visit_is_in_envoy_once(kind: str, request: pytest.FixtureRequest) -> None:
    """Any interleaving of callers, workers, crashes, clocks, faults and persons ends as it should."""
    failures: list[BaseException] = []
    fresh = staticmethod(request.getfixturevalue(f"fresh_{kind}"))
    machine = type("Machine", (Delivery,), {"fresh": fresh, "failures": failures})
    try:
        run_state_machine_as_test(machine, settings=SETTINGS)
    except Flaky as flaky:  # threads do not repeat themselves: what failed first is what counts
        raise failures[0] if failures else flaky from flaky
