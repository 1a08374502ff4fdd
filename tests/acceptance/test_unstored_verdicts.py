"""Verdicts that the database will not take while the service drains: each is printed, with Envoy's id."""

import signal
from typing import Any

import sqlalchemy as sa

from tests.acceptance.installation import Installation, events, wait_until
from worker.sandbox import Faults, Sandbox


def drained(installation: Installation, sandbox: Sandbox, *, in_flight: int) -> tuple[int, list[Any]]:
    """Drain a service while another writer keeps the database; return its exit code and its events."""
    installation.connect()
    sandbox.set_faults(Faults(latency_seconds=1.0))
    installation.add(in_flight)
    service = installation.start("run")
    wait_until(lambda: installation.statuses().get("sending", 0) == in_flight)
    with installation.database.write() as another:
        if not installation.database.is_sqlite:  # there, a transaction that writes is the lock
            another.execute(sa.text("LOCK TABLE delivery IN SHARE ROW EXCLUSIVE MODE"))
        out, _ = installation.stop(service, signal.SIGTERM)
    return service.returncode, events(out)


def unstored(told: list[Any]) -> list[tuple[str, str]]:
    """Return attempt and Envoy id of each verdict that was printed for a person."""
    return sorted(
        (event["attempt"], event["envoy_invite_id"])
        for event in told
        if event["event"] == "invite.unknown" and event["error_code"] == "verdict_not_stored"
    )


def made(sandbox: Sandbox) -> list[tuple[str, str]]:
    """Return attempt and id of each invite that Envoy made."""
    return sorted((create["request_id"], create["invite_id"]) for create in sandbox.ledger()["creates"])


def test_a_verdict_that_finds_no_database_is_printed_before_the_process_ends(
    postgresql_url: str, sandbox: Sandbox
) -> None:
    """A process that is to end is patient for a few seconds; then a person gets what it knows."""
    installation = Installation(postgresql_url, sandbox)

    code, told = drained(installation, sandbox, in_flight=2)

    assert len(made(sandbox)) == 2
    assert unstored(told) == made(sandbox)
    assert installation.statuses() == {"sending": 2}
    assert (code, told[-1]["event"]) == (0, "worker.stopped")
    installation.database.dispose()


def test_every_verdict_in_hand_is_printed_when_the_drain_is_cut_off(
    small_installation: Installation, sandbox: Sandbox
) -> None:
    """On SQLite verdicts queue for the one writer: most are still in hand at the hard limit."""
    code, told = drained(small_installation, sandbox, in_flight=8)

    assert len(made(sandbox)) == 8
    assert unstored(told) == made(sandbox)
    assert (code, told[-1]["event"], told[-1]["error_code"]) == (1, "worker.stopped", "drain_too_slow")
