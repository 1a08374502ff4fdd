import random
import signal
import time
from collections import Counter

import pytest

from tests.torture.exactly_once import require_exactly_once
from tests.torture.fast_installation import FastInstallation, ended, prepared
from tests.torture.scale import ROUNDS, SEED, scaled
from tests.workers import ForkedCommands, Worker
from worker.failpoints import NAMES
from worker.sandbox import Faults, Sandbox

INVITES = 60
UNSEEN = 3  # by triggers
CHANGED = 3  # while they are on their way
LATENCY = 0.02
# How many places further than on SQLite the first round is.
FURTHER = {"sqlite": 0, "postgresql": 8, "pooled": 3}
AT_RANDOM = scaled(4, 2)  # one round of so many: in a sample most are at a named place
SAMPLE = {"sqlite": 4, "postgresql": 4, "pooled": 2}
# What must have happened so that a worker comes by a place at all, and how often it then does.
OF_REFRESH = ("before_refresh", "after_token_answer", "after_token_commit")
OF_LOOK_UP = ("before_look_up", "after_look_up", "after_look_up_commit")


def place_of(number: int, offset: int) -> str:
    """Return where the workers of a round die: at a named place, or ("") at a random instant."""
    places = number - number // AT_RANDOM - 1
    return NAMES[(places + offset) % len(NAMES)] if number % AT_RANDOM else ""


def armed(place: str, draws: random.Random) -> dict[str, str]:
    """Return the environment of a worker that dies at a place."""
    most = 1 if place in OF_REFRESH else 3 if place in OF_LOOK_UP else 15
    return {"WORKER_FAILPOINTS": f"{place}:{draws.randint(1, most)}"} if place else {}


def prepare(sandbox: Sandbox, place: str) -> None:
    """Let the workers have a reason to come by the place."""
    if place in OF_REFRESH:
        sandbox.expire_access_tokens()
    lost = 0.3 if place in OF_LOOK_UP else 0.0
    sandbox.set_faults(Faults(latency_seconds=LATENCY, drop_after_share=lost))


def strike(installation: FastInstallation, victims: list[Worker], place: str, draws: random.Random) -> int:
    """Wait for the instant, kill what is alive, and return how many were killed before all was done."""
    if place:
        installation.wait_for(lambda: installation.left() == 0 or all(victim.ended() for victim in victims))
    else:
        left = draws.randint(1, INVITES)
        installation.wait_for(lambda: installation.left() <= left)
        time.sleep(draws.uniform(0, LATENCY))  # the instant is random; nothing waits for it
    idle = [victim for victim in victims if installation.left() == 0 and not victim.ended()]
    for victim in victims:
        victim.kill()
    return sum(victim.code == -signal.SIGKILL for victim in victims if victim not in idle)


def play(
    installation: FastInstallation, number: int, processes: int, place: str, draws: random.Random
) -> int:
    """Play one round to its end, and return how many workers were killed in it."""
    prepare(installation.sandbox, place)
    installation.add(INVITES, unseen=UNSEEN)
    command = "run-once" if number // 2 % 3 == 1 else "run"
    victims = [installation.launch(command, **armed(place, draws)) for _ in range(processes)]
    with ended(victims):
        installation.change(CHANGED)
        killed = strike(installation, victims, place, draws)
    installation.sandbox.set_faults(Faults(latency_seconds=LATENCY))
    with ended(installation.services(processes)):
        installation.settle()
    assert len(installation.sandbox.invites()) == installation.invites, f"after round {number}"
    return killed


@pytest.fixture(params=list(FURTHER))
def kind(request: pytest.FixtureRequest) -> str:
    """Name a kind of database; pooled is PostgreSQL behind a pgbouncer in transaction mode."""
    name: str = request.param
    return name


@pytest.fixture
def urls(request: pytest.FixtureRequest, kind: str) -> tuple[str, str]:
    """Give a fresh, migrated database as callers reach it, and as the workers do."""
    workers: str = request.getfixturevalue(f"{kind}_url")
    callers: str = request.getfixturevalue("postgresql_url") if kind == "pooled" else workers
    return callers, workers


@pytest.mark.parametrize("processes", [1, 3])
def test_workers_killed_at_any_instant_send_each_invite_exactly_once(
    kind: str, urls: tuple[str, str], forked_commands: ForkedCommands, counts: Counter[str], processes: int
) -> None:
    """Killed in the middle of a drain, at a random instant or a named place, and started again, all settles.

    Each round brings 60 new invites for 16 senders a worker; a few of them no trigger has seen, and a few
    are changed in between.
    """
    offset = (4 if processes > 1 else 0) + FURTHER[kind]
    draws = random.Random(f"{SEED} {offset}")  # noqa: S311 -- repeatable
    callers, workers = urls
    with prepared(
        forked_commands, callers, {"DATABASE_URL": workers}, refresh_grace_seconds=10
    ) as installation:
        counts.update(killed_at_random=0, killed_at_a_place=0)
        for number in range(scaled(SAMPLE[kind], ROUNDS)):
            place = place_of(number, offset)
            try:
                killed = play(installation, number, processes, place, draws)
            except AssertionError as error:
                error.add_note(f"seed {SEED}, round {number}, {place or 'a random instant'}")
                raise
            counts["killed_at_a_place" if place else "killed_at_random"] += killed
            counts["rounds"] += 1
        counts.update(require_exactly_once(installation))
