"""Stored tokens that cannot be read, through real processes."""

from functools import partial
from typing import Any

import pytest

from bench.workplace import connect
from tests import worker_rows
from tests.command_process import command_process
from tests.installation import PATIENCE_SECONDS, Installation, events
from tests.waiting import wait_until
from tests.workers import Piped
from worker.connections.vault import Vault, new_key
from worker.context import Context
from worker.sandbox import Sandbox

FIELDS = ("access", "refresh")
INSERT = (
    "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
    " VALUES (:name, :name, :name, 'Berlin', '2035-05-01T10:00:00Z')"
)


@pytest.fixture
def companies() -> int:
    """Give each connection a company of its own."""
    return 2


@pytest.fixture
def two(small_installation: Installation) -> Installation:
    """Give an installation of two customers, each with a visit; no database has a say in it."""
    installation = small_installation
    with Context.from_environment(installation.env) as context:
        for number, name in enumerate(("acme", "globex")):
            connect(context, name, company_id=str(10_000 + number))
    for name in ("acme", "globex"):
        installation.execute(INSERT, name=name)
    return installation


def resealed_while_it_runs(two: Installation, service: Piped) -> list[dict[str, Any]]:
    """Put what it can read under a key that the service has not, and back in the end; return its events."""
    columns = "access_token_enc, refresh_token_enc"
    (before,) = two.rows(f"SELECT {columns} FROM connection WHERE name = 'acme'")  # noqa: S608 -- constant
    stranger = Vault(new_key())
    worker_rows.store_tokens(
        two, "acme", **{one: stranger.seal("t", connection_id=1, field=one) for one in FIELDS}
    )
    two.execute(INSERT.replace(":name, :name", "'acme', :name", 1), name="acme-2")
    out, _ = service.communicate(timeout=PATIENCE_SECONDS)
    worker_rows.store_tokens(
        two, "acme", access=before["access_token_enc"], refresh=before["refresh_token_enc"]
    )
    return events(out)


def test_one_damaged_row_stops_its_connection_and_no_other(two: Installation, sandbox: Sandbox) -> None:
    """The service starts and sends for the others; every command names it, and a consent repairs it.

    Once nothing at all is under a key that the service has, it ends with 78.
    """
    worker_rows.store_tokens(two, "globex", refresh="x", access="y")
    new = f"{new_key()},{two.env['WORKER_ENCRYPTION_KEYS']}"

    service = two.start("run", WORKER_JOBS__PUSH_INVITES__EVERY="0.2")
    wait_until(lambda: len(sandbox.invites()) == 1)
    told = resealed_while_it_runs(two, service)
    with command_process(**two.env | {"WORKER_ENCRYPTION_KEYS": new}) as process:
        run = partial(process.run, two.env["DATABASE_URL"])
        shown, checked = run("status").out, run("check")
        passed, rotated = run("run-once push_invites"), run("keys rotate")

    assert [(one.get("connection"), one["error_code"]) for one in told if one["level"] == "error"] == [
        ("globex", "damaged_token"),
        (None, "keys_lost"),
    ]
    assert service.returncode == 78
    assert "globex held (damaged_token) -- envoy-worker connect globex" in shown
    assert [checked.code, passed.code, rotated.code] == [77] * 3
    assert "FAIL globex: its refresh token is no sealed text -- " in checked.out
    assert "ok   acme: Envoy answers and accepts its token" in checked.out
    assert "connection.held" not in passed.err  # that was told
    assert rotated.out == "1 connection re-encrypted under the newest key\n"
    assert "error: globex: its refresh token is no sealed text" in rotated.err

    two.env["WORKER_ENCRYPTION_KEYS"] = new
    worker_rows.set_connection(two, company_id=None)
    worker_rows.remove_connection(two, "acme")
    two.connect("globex")
    assert two.rows("SELECT hold_reason FROM connection WHERE name = 'globex'") == [{"hold_reason": None}]
