import random
import threading
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from pathlib import Path

import psycopg

from tests.torture.exactly_once import require_exactly_once
from tests.torture.fast_installation import FIRST_ARRIVAL, FastInstallation, ended, prepared, visit
from tests.torture.scale import SEED, scaled
from tests.workers import ForkedCommands
from worker.errors import ExitCode
from worker.sandbox import Faults

SECONDS = scaled(2, 60)
INVITES = 120
CALLERS = 3
TOGETHER = 12  # rows of one transaction
LATENCY = 0.02
PAUSE_SECONDS = 0.15  # of a caller, between its transactions
HEAD = "connection,external_id,invitee_name,location,expected_arrival_at,expected_departure_at\n"
IMPORTED = {ExitCode.DONE, ExitCode.UNREACHABLE}  # a conflict that comes again and again is told
CHANGE = "UPDATE invite SET notes = %s WHERE connection = 'acme' AND external_id = %s"
DEADLOCKS = "SELECT deadlocks AS number FROM pg_stat_database WHERE datname = current_database()"


class Caller(threading.Thread):
    """A program that changes many of its invites in one transaction, in any order."""

    def __init__(self, url: str, own: list[int], enough: threading.Event) -> None:
        """Take the invites that nobody else changes."""
        super().__init__()
        self._url = url
        self._own = own
        self._enough = enough
        self._draws = random.Random(f"{SEED} {own[0]}")  # noqa: S311 -- repeatable
        self.counts = Counter[str]()
        self.changed: dict[str, str] = {}

    def run(self) -> None:
        """Change them until it is enough; what a deadlock rolled back is left."""
        with psycopg.connect(self._url) as connection:
            while not self._enough.is_set():
                self._enough.wait(PAUSE_SECONDS)
                chosen = self._draws.sample(self._own, TOGETHER)
                notes = f"changed for the {self.counts['changed']}th time"
                try:
                    with connection.transaction():
                        for number in chosen:
                            connection.execute(CHANGE, [notes, visit(number)["key"]])
                except psycopg.errors.DeadlockDetected:
                    self.counts["rolled_back"] += 1
                else:
                    self.counts["changed"] += 1
                    self.changed |= {str(visit(number)["email"]): notes for number in chosen}


@contextmanager
def calling(installation: FastInstallation, url: str) -> Iterator[list[Caller]]:
    """Let callers change what was handed in, until the end of the block."""
    enough = threading.Event()
    callers = [Caller(url, list(range(n, INVITES, CALLERS)), enough) for n in range(CALLERS)]
    for caller in callers:
        caller.start()
    try:
        yield callers
    finally:
        enough.set()
        for caller in callers:
            caller.join()
            installation.changed |= caller.changed


def lines(number: int) -> str:
    """Return all invites as a file, each with another departure than before."""
    departs = (FIRST_ARRIVAL + timedelta(days=1, minutes=number)).isoformat()
    visits = map(visit, range(INVITES))
    return HEAD + "".join(f"acme,{v['key']},{v['name']},Berlin,{v['arrival']},{departs}\n" for v in visits)


def play(installation: FastInstallation, file: Path) -> Counter[str]:
    """Import all invites again and again, and kill one of two workers each time; return what was done."""
    ends_at, done = time.monotonic() + SECONDS, Counter[str]()
    with ended(installation.services(1)):
        while time.monotonic() < ends_at:
            file.write_text(lines(done["imports"]))
            with ended(installation.services(1)):
                importing = installation.launch("invites", "import", str(file))
                assert importing.wait() in IMPORTED, importing.output.read_text()
            done.update(killed=1, imports=1, imports_in_conflict=importing.code != ExitCode.DONE)
    return done


def test_callers_that_lock_in_any_order_hinder_nothing(
    postgresql_url: str, forked_commands: ForkedCommands, counts: Counter[str], tmp_path: Path
) -> None:
    """They change many invites at once, in any order, while others import, send and die: all comes right."""
    with prepared(forked_commands, postgresql_url, faults=Faults(latency_seconds=LATENCY)) as installation:
        installation.execute(
            "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET deadlock_timeout = ''20ms''',"
            " current_database()); END $$"
        )
        installation.add(INVITES)
        with calling(installation, postgresql_url) as callers:
            counts.update(play(installation, tmp_path / "visits.csv"))
        with ended(installation.services(2)):
            installation.settle()
        counts["deadlocks"] = installation.rows(DEADLOCKS)[0]["number"]
        for caller in callers:
            counts.update(caller.counts)
        counts.update(require_exactly_once(installation))
