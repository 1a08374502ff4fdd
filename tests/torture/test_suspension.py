import signal
import sqlite3
import time
from collections import Counter
from contextlib import closing

from tests.torture.exactly_once import REFUSED, require_exactly_once
from tests.torture.fast_installation import SENDERS, FastInstallation, ended, prepared
from tests.torture.scale import scaled
from tests.workers import ForkedCommands, Worker
from worker.database import Database
from worker.sandbox import Faults

ROUNDS = scaled(1, 20)
INVITES = 60
SHORT = {"WORKER_PUSH__LEASE_SECONDS": "3", "WORKER_PUSH__REQUEST_TIMEOUT_SECONDS": "1"}
# Long enough that all senders of the process wait for an answer when it is stopped.
FAULTS = Faults(latency_seconds=0.4)


def is_locked(database: Database) -> bool:
    """Return whether somebody holds the one lock of an SQLite file."""
    if not database.is_sqlite:
        return False
    with closing(sqlite3.connect(str(database.url.database), timeout=0)) as other:
        try:
            other.execute("BEGIN IMMEDIATE")
        except sqlite3.OperationalError:
            return True
        other.rollback()
    return False


def stop(installation: FastInstallation, worker: Worker) -> None:
    """Stop a worker that waits for Envoy's answers.

    One that was stopped while it writes to SQLite would keep everybody else from writing: it goes on a
    little, and is stopped again.
    """
    installation.wait_for(lambda: installation.sandbox.ledger()["in_flight"] >= SENDERS)
    worker.send(signal.SIGSTOP)
    while is_locked(installation.database):
        worker.send(signal.SIGCONT)
        time.sleep(0.001)  # for as long as a commit takes, or several times that
        worker.send(signal.SIGSTOP)


def play(installation: FastInstallation) -> None:
    """Stop a worker in the middle of a drain, let another one finish it, and wake the first."""
    installation.add(INVITES)
    with ended(installation.services(1)) as [sleeper]:
        stop(installation, sleeper)
        installation.change(
            INVITES
        )  # what is in flight, too: its answers come late, and for an older content
        with ended(installation.services(1)):
            installation.settle()
            sleeper.send(signal.SIGCONT)
            installation.add(INVITES)
            installation.settle()
            assert not sleeper.ended()


def test_a_worker_that_wakes_up_after_its_leases_sends_nothing_twice(
    database_url: str, forked_commands: ForkedCommands, counts: Counter[str]
) -> None:
    """Stopped with requests in flight, which another one looked up in between: its answers come late."""
    with prepared(forked_commands, database_url, SHORT, faults=FAULTS) as installation:
        for _ in range(ROUNDS):
            play(installation)
        counts["suspended"] = ROUNDS
        counts.update(require_exactly_once(installation, not_carried_out=REFUSED))
