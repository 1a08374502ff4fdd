import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.torture.ground import Ground, ended, prepared
from tests.torture.judging import require_exactly_once
from tests.torture.scale import scaled
from tests.workers import Zygote
from worker.sandbox import Faults

PROCESSES = 4
SECONDS = scaled(10, 120)
TOKEN_SECONDS = 2
KILL_EVERY = scaled(2, 3)
FED_EVERY, FED = 0.5, 20
LATENCY = Faults(latency_seconds=0.02)
ALONE = {"WORKER_PUSH__CONCURRENCY": "1"}  # so that no other sender has a request in flight


def keep_busy(ground: Ground, meanwhile: Callable[[float], None]) -> None:
    """Bring new invites all the time, so that tokens are always needed."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < SECONDS:
        ground.add(FED)
        meanwhile(passed)
        time.sleep(FED_EVERY)


def connection(ground: Ground) -> dict[str, Any]:
    """Return how the connection stands."""
    return dict(ground.rows("SELECT status, status_reason FROM connection")[0])


def test_four_processes_never_present_a_refresh_token_twice(
    database_url: str, zygote: Zygote, counts: Counter[str]
) -> None:
    """Access tokens live for two seconds and four processes need them: each refresh token is used once."""
    with prepared(zygote, database_url, faults=LATENCY, access_token_seconds=TOKEN_SECONDS) as ground:
        with ended(ground.services(PROCESSES)):
            keep_busy(ground, lambda _passed: None)
            ground.settle()
        counts.update(require_exactly_once(ground))
        ledger = ground.sandbox.ledger()

    counts["refreshes"] = ledger["refreshes"]
    assert ledger["refresh_token_reuse"] == 0
    assert ledger["families_killed"] == 0
    assert ledger["refreshes"] >= SECONDS / TOKEN_SECONDS / 2


def test_processes_killed_all_the_time_end_no_grant_within_the_grace(
    database_url: str, zygote: Zygote, counts: Counter[str]
) -> None:
    """One of four processes is killed every three seconds; Envoy's grace covers what a kill may lose."""
    with prepared(
        zygote, database_url, faults=LATENCY, access_token_seconds=TOKEN_SECONDS, refresh_grace_seconds=10
    ) as ground:
        with ended(ground.services(PROCESSES)) as workers:

            def kill_one(passed: float) -> None:
                if passed >= KILL_EVERY * (counts["killed"] + 1):
                    workers.pop(0).kill()
                    workers.append(ground.launch("run"))
                    counts["killed"] += 1

            keep_busy(ground, kill_one)
            ground.settle()
        counts.update(require_exactly_once(ground))
        ledger = ground.sandbox.ledger()
        standing = connection(ground)

    counts["refreshes"] = ledger["refreshes"]
    assert ledger["families_killed"] == 0
    assert standing == {"status": "active", "status_reason": None}


@pytest.mark.parametrize(
    ("place", "grace"),
    [("before_refresh", 0), ("after_token_commit", 0), ("after_token_answer", 10)],
)
def test_a_kill_about_a_refresh_is_healed_by_the_next_process(
    database_url: str, zygote: Zygote, counts: Counter[str], place: str, grace: float
) -> None:
    """Before the token is posted, after the pair is committed, or within the grace: nothing is lost."""
    with prepared(zygote, database_url, refresh_grace_seconds=grace) as ground:
        ground.sandbox.expire_access_tokens()
        ground.add(20)
        with ended([ground.launch("run", **ALONE, WORKER_FAILPOINTS=place)]) as [victim]:
            ground.wait_for(victim.ended)
        with ended(ground.services(1)):
            ground.settle()
        counts.update(require_exactly_once(ground))
        ledger = ground.sandbox.ledger()

    assert ledger["refresh_token_reuse"] == 0
    assert ledger["families_killed"] == 0


def test_a_kill_between_the_rotation_and_our_commit_is_told_and_nothing_is_lost(
    database_url: str, zygote: Zygote, counts: Counter[str]
) -> None:
    """Without a grace the grant is lost: the reason is named, the invites wait, and connecting repairs it."""
    with prepared(zygote, database_url) as ground:
        ground.sandbox.expire_access_tokens()
        ground.add(20)
        with ended([ground.launch("run", **ALONE, WORKER_FAILPOINTS="after_token_answer")]) as [victim]:
            ground.wait_for(victim.ended)
        with ended(ground.services(1)) as [worker]:
            ground.wait_for(lambda: connection(ground)["status"] == "needs_authorisation")
            standing = connection(ground)
            # What was in flight is refused as well.
            ground.wait_for(lambda: "sending" not in ground.statuses())
            waiting, ledger = ground.statuses(), ground.sandbox.ledger()
            assert not worker.ended()
            ground.connect()
            ground.settle()
        counts.update(require_exactly_once(ground))

    assert standing["status_reason"] == "lost_rotation"
    assert waiting == {"pending": 20}
    assert ledger["refresh_token_reuse"] == 1
