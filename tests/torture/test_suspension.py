import signal
from collections import Counter

from tests.torture.ground import SENDERS, Ground, ended, prepared
from tests.torture.judging import REFUSED, require_exactly_once
from tests.torture.scale import scaled
from tests.torture.workers import Zygote
from worker.sandbox import Faults

ROUNDS = scaled(2, 20)
INVITES = 60
SHORT = {"WORKER_PUSH__LEASE_SECONDS": "3", "WORKER_PUSH__REQUEST_TIMEOUT_SECONDS": "1"}
# Long enough that all senders of the process wait for an answer when it is stopped.  One that is stopped
# while it writes would hold SQLite's only lock, and nobody else could go on until it wakes up.
FAULTS = Faults(latency_seconds=0.4)


def play(ground: Ground) -> None:
    """Stop a worker in the middle of a drain, let another one finish it, and wake the first."""
    ground.add(INVITES)
    with ended(ground.services(1)) as [sleeper]:
        ground.wait_for(lambda: ground.statuses().get("sending") == SENDERS)
        sleeper.send(signal.SIGSTOP)
        with ended(ground.services(1)):
            ground.settle()
            sleeper.send(signal.SIGCONT)
            ground.add(INVITES)
            ground.settle()
            assert not sleeper.ended()


def test_a_worker_that_wakes_up_after_its_leases_sends_nothing_twice(
    database_url: str, zygote: Zygote, counts: Counter[str]
) -> None:
    """Stopped with requests in flight, which another one looked up meanwhile: its answers come late."""
    with prepared(zygote, database_url, SHORT, faults=FAULTS) as ground:
        for _ in range(ROUNDS):
            play(ground)
        counts["suspended"] = ROUNDS
        counts.update(require_exactly_once(ground, not_carried_out=REFUSED))
