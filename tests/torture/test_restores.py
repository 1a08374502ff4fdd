import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.torture.backups import Backup
from tests.torture.ground import Ground, ended, prepared
from tests.torture.judging import require_each_once
from tests.torture.scale import SEED, scaled
from tests.workers import Zygote
from worker.errors import ExitCode
from worker.failpoints import NAMES
from worker.sandbox import Faults

ROUNDS = scaled(1, 20)
INVITES = 40
LATER = 10  # after the backup
CHANGED = 5  # after the backup; so the newest of them are those that it lacks
PROCESSES = 2
LATENCY = 0.02
# How many places further the first round is, by the way in which a backup is restored.
OFFSETS = {"sqlite": 0, "postgresql": 7, "sqlite replaced": 4}
KNOWN = "SELECT count(*) AS number FROM delivery WHERE envoy_invite_id IS NOT NULL"


def lose(ground: Ground, backup: Backup, draws: random.Random, *, replaced: bool) -> None:
    """Take a backup in the middle of a drain, go on for a while, and restore it.

    The workers are killed before; or they find the file *replaced*, and end by themselves.
    """
    ground.add(INVITES)
    workers = ground.services(PROCESSES)
    try:
        left = draws.randint(0, INVITES)
        ground.wait_for(lambda: ground.left() <= left)
        backup.take()
        ground.change(CHANGED)
        ground.add(LATER)
        left = draws.randint(0, left + LATER)
        ground.wait_for(lambda: ground.left() <= left)
        time.sleep(draws.uniform(0, LATENCY))  # the instant is random; nothing waits for it
        if replaced:
            backup.restore()
            ground.wait_for(lambda: all(worker.ended() for worker in workers))
    finally:
        for worker in workers:
            worker.kill()
    for worker in workers:
        worker.require_no_bug(*[ExitCode.SETTINGS] * replaced)
    if not replaced:
        backup.restore()


def look_up(ground: Ground, place: str, nth: int) -> int:
    """Do as the documentation says, with workers that die at a place; return how many died there."""
    ground.done("db", "restored")
    ground.feed_again()
    ground.connect()
    victims = [ground.launch("run", WORKER_FAILPOINTS=f"{place}:{nth}") for _ in range(PROCESSES)]
    with ended(victims):
        ground.wait_for(lambda: ground.left() == 0 or all(victim.ended() for victim in victims))
        died = sum(victim.ended() for victim in victims)
    with ended(ground.services(PROCESSES)):
        ground.settle()
    ground.done("db", "restored", "--end")
    return died


@pytest.mark.parametrize("way", OFFSETS)
def test_a_backup_of_any_instant_is_restored_and_each_invite_is_sent_exactly_once(
    way: str, request: pytest.FixtureRequest, zygote: Zygote, counts: Counter[str], tmp_path: Path
) -> None:
    """Restored after kills, fed again, and looked up by workers that die as well: nothing twice or lost.

    An SQLite file is also replaced under the workers, which end by themselves and with its own exit code.
    """
    database_url: str = request.getfixturevalue(f"{way.partition(' ')[0]}_url")
    offset = OFFSETS[way]
    draws = random.Random(f"{SEED} {offset}")  # noqa: S311 -- repeatable
    with prepared(zygote, database_url, faults=Faults(latency_seconds=LATENCY)) as ground:
        backup = Backup(ground, database_url, tmp_path)
        for number in range(ROUNDS):
            place = NAMES[(number + offset) % len(NAMES)]
            try:
                lose(ground, backup, draws, replaced=way.endswith("replaced"))
                sent = len(ground.sandbox.ledger()["creates"])
                counts.update(restored=1, sent_and_forgotten=sent - ground.rows(KNOWN)[0]["number"])
                counts.update(killed_while_looking=look_up(ground, place, draws.randint(1, 5)))
                require_each_once(ground)
            except AssertionError as error:
                error.add_note(f"seed {SEED}, round {number}, {place}")
                raise
        creates = require_each_once(ground)
        counts.update(invites=ground.invites, creates=len(creates))
