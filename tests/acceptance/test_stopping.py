"""The service is told to end while another program keeps its database, or while the database is away."""

import re
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.database_away import ClosedServer
from tests.installation import ROOT, Installation, events
from tests.waiting import wait_until
from tests.workers import Piped
from worker.sandbox import Faults, Sandbox
from worker.service.serving import HARD_LIMIT_SECONDS

ALL_TABLES = "attempt, connection, delivery, employee, flow, host, invite, job, job_run, location"
SOON_MS = 1000 * HARD_LIMIT_SECONDS  # who is cut off ends later; the slowest end in order takes a quarter
QUICK = {"WORKER_JOBS__PUSH_INVITES__EVERY": "0.2"}


@contextmanager
def kept(installation: Installation, *, tables: str = ALL_TABLES) -> Iterator[None]:
    """Keep the database as another program does: its one writer, or a lock that lets nobody read."""
    with installation.database.write() as another:
        if not installation.database.is_sqlite:  # there, a transaction that writes is the lock
            another.execute(sa.text(f"LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE"))
        yield


@contextmanager
def unreadable(installation: Installation) -> Iterator[None]:
    """Keep an SQLite file from its readers, too."""
    with closing(sqlite3.connect(str(installation.database.url.database), isolation_level=None)) as another:
        another.execute("PRAGMA locking_mode = EXCLUSIVE")
        another.execute("BEGIN EXCLUSIVE")
        yield


def catches(process: int, number: signal.Signals) -> bool:
    """Return whether a process has a handler of its own for a signal."""
    status = Path(f"/proc/{process}/status").read_text(encoding="utf-8")
    (caught,) = re.findall(r"^SigCgt:\s*(\w+)$", status, re.MULTILINE)
    return bool(int(caught, 16) & 1 << (number - 1))


def told(out: str, event: str) -> list[Any]:
    """Return the lines of one event."""
    return [line for line in events(out) if line["event"] == event]


def printed(out: str) -> list[tuple[str, str]]:
    """Return attempt and Envoy id of each verdict that was printed for a person."""
    return sorted(
        (line["attempt"], line["envoy_invite_id"])
        for line in told(out, "invite.unknown")
        if line["error_code"] == "verdict_not_stored"
    )


def made(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Return attempt and id of each invite that Envoy made."""
    return sorted((create["request_id"], create["invite_id"]) for create in sandbox.ledger()["creates"])


def started(installation: Installation, **env: str) -> Piped:
    """Start the service, and wait until it works."""
    service = installation.start("run", **env)
    wait_until_it_works(service)
    return service


def wait_until_it_works(service: Piped | subprocess.Popen[str]) -> None:
    """Read its log as far as it says so."""
    assert service.stdout is not None
    while "worker.started" not in service.stdout.readline():
        assert service.poll() is None


def test_a_service_that_is_told_to_end_while_it_starts_ends_with_0(connected: Installation) -> None:
    """It has nothing in hand, whatever it waits for: here for a database that another program keeps."""
    with kept(connected, tables="connection") if not connected.database.is_sqlite else unreadable(connected):
        service = connected.start_anew("run")
        wait_until(lambda: catches(service.pid, signal.SIGTERM))
        out, err = connected.stop(service)

    assert (service.returncode, out, err) == (0, "", "")


def test_an_idle_service_ends_at_once_and_with_0_though_another_program_keeps_its_database(
    connected: Installation,
) -> None:
    """It has nothing in hand: nothing is cut off, nothing is printed for a person."""
    connected.add(1)
    service = started(connected, **QUICK)
    wait_until(lambda: connected.statuses() == {"sent": 1})
    with kept(connected):
        out, _ = connected.stop(service)

    (stopped,) = told(out, "worker.stopped")
    assert (service.returncode, stopped["level"]) == (0, "info")
    assert stopped["duration_ms"] < SOON_MS
    assert not [line for line in events(out) if line["level"] == "error"]


def test_what_was_due_stays_due_where_the_database_was_kept_before_its_claim(
    connected: Installation, sandbox: Sandbox
) -> None:
    """The claim waits for the other program when the signal comes: nothing was begun, so nothing is left."""
    connected.add(1)
    with kept(connected, tables="delivery"):
        service = started(connected, **QUICK)
        out, _ = connected.stop(service)

    assert service.returncode == 0
    assert told(out, "worker.stopped")[0]["duration_ms"] < SOON_MS
    assert connected.statuses() == {"pending": 1}
    assert sandbox.ledger()["creates"] == []


def test_verdicts_in_hand_are_printed_and_the_process_ends_with_1(
    connected: Installation, sandbox: Sandbox
) -> None:
    """Each is offered for some seconds after its answer; then a person gets what the process knows."""
    sandbox.set_faults(Faults(latency_seconds=1.0))
    connected.add(8)
    service = started(connected)
    wait_until(lambda: connected.statuses().get("sending", 0) == 8)
    with kept(connected, tables="delivery"):
        out, _ = connected.stop(service)

    (stopped,) = told(out, "worker.stopped")
    assert len(made(sandbox)) == 8
    assert printed(out) == made(sandbox)
    assert connected.statuses() == {"sending": 8}
    assert (service.returncode, stopped["error_code"]) == (1, "verdicts_not_stored")
    assert stopped["duration_ms"] < SOON_MS
    assert "invites resolve" in stopped["hint"]


IMPATIENT = """
import sys
from worker.cli.opening import opened
from worker.service import serve
with opened(events_to=sys.stdout) as parts:
    raise SystemExit(serve(parts, hard_limit_seconds=2))
"""


def test_every_verdict_in_hand_is_printed_when_the_drain_is_cut_off(
    small_connected: Installation, sandbox: Sandbox
) -> None:
    """At the hard limit, two seconds here, they are still being offered; no request was cut off."""
    sandbox.set_faults(Faults(latency_seconds=1.0))
    small_connected.add(8)
    service = subprocess.Popen(
        [sys.executable, "-c", IMPATIENT],
        env=small_connected.env,
        cwd=ROOT,
        stdout=subprocess.PIPE,
        text=True,
    )
    wait_until(lambda: small_connected.statuses().get("sending", 0) == 8)
    with kept(small_connected):
        out, _ = small_connected.stop(service)

    (stopped,) = told(out, "worker.stopped")
    assert len(made(sandbox)) == 8
    assert printed(out) == made(sandbox)
    assert (service.returncode, stopped["error_code"]) == (1, "verdicts_not_stored")


def test_a_service_whose_server_is_away_ends_with_0_when_it_has_nothing_in_hand(
    postgresql_url: str, postgresql_server: str, sandbox: Sandbox
) -> None:
    """A database that is away is no verdict lost."""
    installation = Installation(postgresql_url, sandbox)
    installation.connect()
    server = ClosedServer(installation.database.url, postgresql_server)
    service = started(installation, **QUICK)
    server.go()
    while "database.unreachable" not in service.stdout.readline():
        assert service.poll() is None
    out, _ = installation.stop(service)
    server.come_back()
    server.close()

    assert service.returncode == 0
    assert told(out, "worker.stopped")[0]["level"] == "info"


NEVER_ANSWERED = """
CREATE FUNCTION never() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN PERFORM pg_sleep(600); RETURN NEW; END $$;
CREATE TRIGGER never BEFORE INSERT OR UPDATE ON job FOR EACH ROW EXECUTE FUNCTION never();
"""
HANGING = "SELECT pid FROM pg_stat_activity WHERE datname = current_database() AND wait_event = 'PgSleep'"


def test_a_server_that_answers_nobody_is_hung_up_on(postgresql_url: str, sandbox: Sandbox) -> None:
    """It is not away: it has taken a statement, and never says what became of it."""
    installation = Installation(postgresql_url, sandbox)
    installation.connect()
    installation.execute(NEVER_ANSWERED)
    by_hand = installation.start("run-once", "push_invites")
    wait_until(lambda: len(installation.rows(HANGING)) == 1)
    service = started(installation, **QUICK)
    wait_until(lambda: len(installation.rows(HANGING)) > 1)
    by_hand.send_signal(signal.SIGTERM)
    out, _ = installation.stop(service)
    by_hand.communicate(timeout=SOON_MS / 1000)

    (stopped,) = told(out, "worker.stopped")
    assert (service.returncode, by_hand.returncode) == (0, 69)
    assert stopped["duration_ms"] < SOON_MS
    installation.database.dispose()


@pytest.mark.parametrize("command", ["run", "run-once"])
def test_a_terminal_that_closes_drains_like_an_order_to_end(
    small_connected: Installation, sandbox: Sandbox, command: str
) -> None:
    """SIGHUP: what is in flight ends and is stored, nothing is left in doubt."""
    sandbox.set_faults(Faults(latency_seconds=1.0))
    small_connected.add(20)
    process = small_connected.start(command)
    wait_until(lambda: small_connected.statuses().get("sending", 0) == 8)

    small_connected.stop(process, signal.SIGHUP)

    assert process.returncode == {"run": 0, "run-once": 75}[command]
    assert small_connected.statuses() == {"sent": 8, "pending": 12}


def test_a_service_that_is_to_outlive_its_terminal_does(small_connected: Installation) -> None:
    """Started by nohup, it was told to ignore SIGHUP, and goes on."""
    before = signal.signal(signal.SIGHUP, signal.SIG_IGN)
    try:
        service = small_connected.start_anew("run", **QUICK)
    finally:
        signal.signal(signal.SIGHUP, before)
    wait_until_it_works(service)
    service.send_signal(signal.SIGHUP)
    small_connected.add(1)
    wait_until(lambda: small_connected.statuses() == {"sent": 1})
    out, _ = small_connected.stop(service)

    assert service.returncode == 0
    assert [line["signal"] for line in told(out, "worker.stopping")] == ["SIGTERM"]
