"""What happens while a request is on its way, as rules of the model: a change, its answer, the next claim."""

import threading
from typing import Any

from hypothesis import strategies as st

from tests.integration.delivery.suspended_worker import suspended
from tests.integration.delivery.two_workers import LEASE_SECONDS, TwoWorkers
from worker.failpoints import armed
from worker.sandbox import Faults
from worker.sandbox.faults import AFTER_COMMIT, faults_from_json

DOUBTS = st.sampled_from([*AFTER_COMMIT, "drop_before_share"])  # after which nobody knows what Envoy did
SECONDS = 20.0  # for another thread, which has little to do


def change_amid_a_doubt(two_workers: TwoWorkers, columns: dict[str, Any], doubt: str) -> None:
    """Let every visit be changed before A's verdict is stored, and B push what it then takes for due."""

    def change_all() -> None:
        for key in two_workers.keys:
            two_workers.change(key, **columns)

    two_workers.pass_time(6)
    two_workers.sandbox.set_faults(faults_from_json({doubt: 1.0}))
    two_workers.interrupt(two_workers.workers["A"].push, "after_answer", change_all)
    two_workers.sandbox.set_faults(Faults())
    two_workers.workers["B"].push()


def late_answer(two_workers: TwoWorkers, columns: dict[str, Any]) -> str:
    """Let B's create be answered when all looks of A are over, the visit is changed, and A plans it again.

    B stands still before its request.  Nothing else may be on its way then: an update that comes so late
    brings back older content, as docs/delivery.md says.  A has one sender, so that none of its claims comes
    before the answer.  The key of the visit is returned.
    """
    two_workers.sandbox.set_faults(Faults())
    busy = two_workers.worker.rows("SELECT 1 FROM delivery WHERE status IN ('pending', 'sending')")
    key = two_workers.add()
    if busy:
        return key
    two_workers.pass_time(6)
    with suspended(two_workers.workers["B"].push, "before_connect", surely=False) as wake:
        two_workers.pass_time(2 * LEASE_SECONDS)
        two_workers.workers["A"].push()  # gives B's attempt up
        for _ in range(2):
            two_workers.pass_time(31)
            two_workers.workers["A"].reconcile()
        two_workers.change(key, **columns)
        with armed("before_claim", action=wake):
            two_workers.workers["A"].push()
    return key


def late_refusal(two_workers: TwoWorkers) -> str:
    """Let A be refused with an old token, and store that only when B's next attempt is in Envoy's hands.

    A goes on pushing then, as it does after any refusal of a token.  The key of the visit is returned.
    """
    key = two_workers.add()
    two_workers.sandbox.set_faults(Faults())
    two_workers.pass_time(6)
    two_workers.sandbox.expire_access_tokens()
    go_on = threading.Event()
    threads: list[threading.Thread] = []

    def overtake() -> None:
        two_workers.pass_time(2 * LEASE_SECONDS)
        two_workers.workers["B"].push()  # gives A's attempt up
        if key in two_workers.unknown():
            two_workers.resolve(key)
        two_workers.renew_token("B")  # else B would only be refused, too
        threads.append(_pushing_slowly(two_workers, go_on))

    try:
        two_workers.interrupt(two_workers.workers["A"].push, "after_answer", overtake)
    finally:
        go_on.set()
        for thread in threads:
            thread.join(SECONDS)
    return key


def _pushing_slowly(two_workers: TwoWorkers, go_on: threading.Event) -> threading.Thread:
    """Let B push until Envoy has executed a create of its, and keep the answer until *go_on*."""
    reached = threading.Event()

    def keep() -> None:
        reached.set()
        go_on.wait(SECONDS)

    def push() -> None:
        try:
            two_workers.workers["B"].push()
        finally:
            reached.set()

    thread = threading.Thread(target=push)
    with armed("after_envoy_committed", action=keep):
        thread.start()
        reached.wait(SECONDS)
    return thread
