import time
from collections import Counter
from collections.abc import Callable
from typing import Any

import pytest

from tests.torture.exactly_once import require_exactly_once
from tests.torture.fast_installation import FastInstallation, ended, prepared
from tests.torture.scale import scaled
from tests.workers import ForkedCommands
from worker.sandbox import Faults

PROCESSES = 4
SECONDS = scaled(10, 120)
TOKEN_SECONDS = 2
KILL_EVERY = scaled(2, 3)
FED_EVERY, FED = 0.5, 20
LATENCY = Faults(latency_seconds=0.02)
ALONE = {"WORKER_PUSH__CONCURRENCY": "1"}  # so that no other sender has a request in flight


def keep_busy(installation: FastInstallation, in_between: Callable[[float], None]) -> None:
    """Bring new invites all the time, so that tokens are always needed."""
    began = time.monotonic()
    while (passed := time.monotonic() - began) < SECONDS:
        installation.add(FED)
        in_between(passed)
        time.sleep(FED_EVERY)


def connection(installation: FastInstallation) -> dict[str, Any]:
    """Return how the connection stands."""
    return dict(installation.rows("SELECT status, status_reason FROM connection")[0])


def test_four_processes_never_present_a_refresh_token_twice(
    database_url: str, forked_commands: ForkedCommands, counts: Counter[str]
) -> None:
    """Access tokens live for two seconds and four processes need them: each refresh token is used once."""
    with prepared(
        forked_commands, database_url, faults=LATENCY, access_token_seconds=TOKEN_SECONDS
    ) as installation:
        with ended(installation.services(PROCESSES)):
            keep_busy(installation, lambda _passed: None)
            installation.settle()
        counts.update(require_exactly_once(installation))
        ledger = installation.sandbox.ledger()

    counts["refreshes"] = ledger["refreshes"]
    assert ledger["refresh_token_reuse"] == 0
    assert ledger["families_killed"] == 0
    assert ledger["refreshes"] >= SECONDS / TOKEN_SECONDS / 2


def test_processes_killed_all_the_time_end_no_grant_within_the_grace(
    database_url: str, forked_commands: ForkedCommands, counts: Counter[str]
) -> None:
    """One of four processes is killed every three seconds; Envoy's grace covers what a kill may lose."""
    with prepared(
        forked_commands,
        database_url,
        faults=LATENCY,
        access_token_seconds=TOKEN_SECONDS,
        refresh_grace_seconds=10,
    ) as installation:
        with ended(installation.services(PROCESSES)) as workers:

            def kill_one(passed: float) -> None:
                if passed >= KILL_EVERY * (counts["killed"] + 1):
                    workers.pop(0).kill()
                    workers.append(installation.launch("run"))
                    counts["killed"] += 1

            keep_busy(installation, kill_one)
            installation.settle()
        counts.update(require_exactly_once(installation))
        ledger = installation.sandbox.ledger()
        standing = connection(installation)

    counts["refreshes"] = ledger["refreshes"]
    assert ledger["families_killed"] == 0
    assert standing == {"status": "active", "status_reason": None}


@pytest.mark.parametrize(
    ("place", "grace"),
    [("before_refresh", 0), ("after_token_commit", 0), ("after_token_answer", 10)],
)
def test_a_kill_about_a_refresh_is_healed_by_the_next_process(
    database_url: str, forked_commands: ForkedCommands, counts: Counter[str], place: str, grace: float
) -> None:
    """Before the token is posted, after the pair is committed, or within the grace: nothing is lost."""
    with prepared(forked_commands, database_url, refresh_grace_seconds=grace) as installation:
        installation.sandbox.expire_access_tokens()
        installation.add(20)
        with ended([installation.launch("run", **ALONE, WORKER_FAILPOINTS=place)]) as [victim]:
            installation.wait_for(victim.ended)
        with ended(installation.services(1)):
            installation.settle()
        counts.update(require_exactly_once(installation))
        ledger = installation.sandbox.ledger()

    assert ledger["refresh_token_reuse"] == 0
    assert ledger["families_killed"] == 0


def test_a_kill_between_the_rotation_and_our_commit_is_told_and_nothing_is_lost(
    database_url: str, forked_commands: ForkedCommands, counts: Counter[str]
) -> None:
    """Without a grace the grant is lost: the reason is named, the invites wait, and connecting repairs it."""
    with prepared(forked_commands, database_url) as installation:
        installation.sandbox.expire_access_tokens()
        installation.add(20)
        with ended([installation.launch("run", **ALONE, WORKER_FAILPOINTS="after_token_answer")]) as [victim]:
            installation.wait_for(victim.ended)
        with ended(installation.services(1)) as [worker]:
            installation.wait_for(lambda: connection(installation)["status"] == "needs_authorisation")
            standing = connection(installation)
            # What was in flight is refused as well.
            installation.wait_for(lambda: "sending" not in installation.statuses())
            waiting, ledger = installation.statuses(), installation.sandbox.ledger()
            assert not worker.ended()
            installation.connect()
            installation.settle()
        counts.update(require_exactly_once(installation))

    assert standing["status_reason"] == "lost_rotation"
    assert waiting == {"pending": 20}
    assert ledger["refresh_token_reuse"] == 1
