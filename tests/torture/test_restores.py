import random
import time
from collections import Counter
from pathlib import Path

import pytest

from tests.torture.backups import Backup
from tests.torture.exactly_once import require_each_once
from tests.torture.fast_installation import FastInstallation, ended, prepared
from tests.torture.scale import SEED, scaled
from tests.workers import ForkedCommands
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


def lose(installation: FastInstallation, backup: Backup, draws: random.Random, *, replaced: bool) -> None:
    """Take a backup in the middle of a drain, go on for a while, and restore it.

    The workers are killed before; or they find the file *replaced*, and end by themselves.
    """
    installation.add(INVITES)
    workers = installation.services(PROCESSES)
    try:
        left = draws.randint(0, INVITES)
        installation.wait_for(lambda: installation.left() <= left)
        backup.take()
        installation.change(CHANGED)
        installation.add(LATER)
        left = draws.randint(0, left + LATER)
        installation.wait_for(lambda: installation.left() <= left)
        time.sleep(draws.uniform(0, LATENCY))  # the instant is random; nothing waits for it
        if replaced:
            backup.restore()
            installation.wait_for(lambda: all(worker.ended() for worker in workers))
    finally:
        for worker in workers:
            worker.kill()
    for worker in workers:
        worker.require_no_bug(*[ExitCode.SETTINGS] * replaced)
    if not replaced:
        backup.restore()


def look_up(installation: FastInstallation, place: str, nth: int) -> int:
    """Do as the documentation says, with workers that die at a place; return how many died there."""
    installation.done("db", "restored")
    installation.feed_again()
    installation.connect()
    victims = [installation.launch("run", WORKER_FAILPOINTS=f"{place}:{nth}") for _ in range(PROCESSES)]
    with ended(victims):
        installation.wait_for(lambda: installation.left() == 0 or all(victim.ended() for victim in victims))
        died = sum(victim.ended() for victim in victims)
    with ended(installation.services(PROCESSES)):
        installation.settle()
    installation.done("db", "restored", "--end")
    return died


@pytest.mark.parametrize("way", OFFSETS)
def test_a_backup_of_any_instant_is_restored_and_each_invite_is_sent_exactly_once(
    way: str,
    request: pytest.FixtureRequest,
    forked_commands: ForkedCommands,
    counts: Counter[str],
    tmp_path: Path,
) -> None:
    """Restored after kills, fed again, and looked up by workers that die as well: nothing twice or lost.

    An SQLite file is also replaced under the workers, which end by themselves and with its own exit code.
    """
    database_url: str = request.getfixturevalue(f"{way.partition(' ')[0]}_url")
    offset = OFFSETS[way]
    draws = random.Random(f"{SEED} {offset}")  # noqa: S311 -- repeatable
    with prepared(forked_commands, database_url, faults=Faults(latency_seconds=LATENCY)) as installation:
        backup = Backup(installation, database_url, tmp_path)
        for number in range(ROUNDS):
            place = NAMES[(number + offset) % len(NAMES)]
            try:
                lose(installation, backup, draws, replaced=way.endswith("replaced"))
                sent = len(installation.sandbox.ledger()["creates"])
                counts.update(restored=1, sent_and_forgotten=sent - installation.rows(KNOWN)[0]["number"])
                counts.update(killed_while_looking=look_up(installation, place, draws.randint(1, 5)))
                require_each_once(installation)
            except AssertionError as error:
                error.add_note(f"seed {SEED}, round {number}, {place}")
                raise
        creates = require_each_once(installation)
        counts.update(invites=installation.invites, creates=len(creates))
