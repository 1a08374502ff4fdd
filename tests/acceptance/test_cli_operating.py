"""status, check, db and keys, through real processes."""

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psycopg
import pytest
import sqlalchemy as sa

from tests import worker_rows
from tests.installation import Installation, free_port
from worker.connections.vault import new_key
from worker.migrations import HEAD
from worker.sandbox import Sandbox

STATUSES = ["pending", "sending", "sent", "unknown", "rejected", "expired", "withdrawn"]


@pytest.fixture(params=["sqlite", "postgresql"])
def empty_database_url(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[str]:
    """Give a database without any table, once of each kind."""
    if request.param == "sqlite":
        yield f"sqlite:///{tmp_path / 'empty.db'}"
        return
    server = str(request.getfixturevalue("postgresql_server"))
    head, _, query = server.partition("?")
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute("CREATE DATABASE never_migrated")
        yield f"{head.rpartition('/')[0]}/never_migrated" + (f"?{query}" if query else "")
        connection.execute("DROP DATABASE never_migrated WITH (FORCE)")


def test_status_as_json_has_its_fixed_shape(installation: Installation) -> None:
    """All seven statuses, each connection, each registered job: other programs read this."""
    before = json.loads(installation.run("status", "--json").stdout)
    installation.connect()
    worker_rows.need_authorisation(installation)
    installation.execute(
        "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
        " VALUES ('typo', 'v1', 'Ann Canary', 'Berlin', '2031-05-06T10:00:00Z')"
    )
    installation.run("run-once", "refresh_directory", expect=77)
    after = json.loads(installation.run("status", "--json").stdout)
    told = installation.run("status").stdout

    assert list(before["invites"]) == STATUSES
    assert set(before["invites"].values()) == {0}
    assert before["approvals"] == {}
    assert before["connections"] == []
    assert list(before["jobs"]) == [
        "refresh_directory", "keep_tokens_fresh", "reconcile_invites", "push_invites", "prune_history",
    ]  # fmt: skip
    assert before["jobs"]["push_invites"] == {"last_run_at": None, "last_result": None, "next_run_at": None}
    assert after["invites"]["pending"] == 1
    assert after["connections"] == [
        {"name": "acme", "status": "needs_authorisation", "held_until": None, "hold_reason": None,
         "status_reason": "x"}
    ]  # fmt: skip
    assert after["jobs"]["refresh_directory"]["last_result"] == "done"
    assert after["unknown_connections"] == {"typo": 1}
    assert "acme needs_authorisation (x) -- envoy-worker connect acme" in told
    assert "1 for the unknown connection typo" in told
    assert "Canary" not in told


def test_check_says_that_all_is_well(small_installation: Installation) -> None:
    """Every line is fine but for what no setting can change, and the exit code is 0."""
    small_installation.connect()

    checked = small_installation.run("check")

    levels = {line[:4] for line in checked.stdout.splitlines()}
    assert levels == {"ok  ", "warn"}
    assert "ok   acme: Envoy answers and accepts its token" in checked.stdout.splitlines()
    assert "warn acme: may not read invites, so that a doubtful one waits for a person" in checked.stdout
    assert checked.stderr == ""


def test_check_names_every_mistake_of_the_settings_at_once(small_installation: Installation) -> None:
    """Two typos, a wrong value and a missing secret: four lines, no second run needed."""
    checked = small_installation.run(
        "check",
        expect=78,
        WORKER_PUSH__CONCURENCY="3",
        WORKER_LOG__LEVEL="loud",
        WORKER_ENVOY__API_URL="http://api.example.com",
        ENVOY_CLIENT_SECRET="",
    )

    failed = [line for line in checked.stdout.splitlines() if line.startswith("FAIL")]
    assert [
        any(word in line for line in failed)
        for word in ("WORKER_PUSH__CONCURRENCY", "log.level", "envoy.api_url", "ENVOY_CLIENT_SECRET")
    ] == [True] * 4
    assert "loud" not in checked.stdout


def test_check_finds_a_dead_grant_and_an_envoy_that_is_away(
    installation: Installation, sandbox: Sandbox
) -> None:
    """Each has its exit code, the more basic trouble first, and the line says what to type."""
    installation.connect()
    sandbox.revoke("10000")
    dead = installation.run("check", expect=77)
    away = installation.run("check", expect=69, WORKER_ENVOY__API_URL=f"http://127.0.0.1:{free_port()}")

    assert re.search(r"FAIL acme: .* -- run `envoy-worker connect acme`", dead.stdout)
    assert re.search(r"FAIL .*127\.0\.0\.1", away.stdout)


@pytest.mark.parametrize("ended", [True, False])
def test_check_and_status_write_nothing_and_refresh_no_token(
    ended: bool, connected: Installation, sandbox: Sandbox
) -> None:
    """A token that has ended is told, and one that Envoy refuses; neither costs the refresh token."""
    connected.add(2)
    if ended:
        worker_rows.let_access_tokens_end(connected)
    else:
        sandbox.expire_access_tokens()
    before = everything(connected)

    checked = connected.run("check", expect=0 if ended else 77)
    connected.run("status")

    assert everything(connected) == before
    assert checked.stderr == ""
    line = "warn acme: its access token ended at " if ended else "FAIL acme: Envoy does not accept its access"
    assert line in checked.stdout
    assert ("ok   Envoy answers at" in checked.stdout) == ended
    # What it was told to type renews the token.
    connected.run("directory", "--refresh", "--connection", "acme")
    assert "ok   acme: Envoy answers and accepts its token" in connected.run("check").stdout


def everything(installation: Installation) -> dict[str, list[Mapping[str, Any]]]:
    """Return all rows of all tables, with what PostgreSQL writes down of each write."""
    version = "" if installation.database.is_sqlite else "xmin::text AS written_by, "
    with installation.database.read() as connection:
        tables = sa.inspect(connection).get_table_names()
    return {name: installation.rows(f"SELECT {version}* FROM {name}") for name in tables}  # noqa: S608 -- our tables


def test_check_names_the_address_that_it_asked(small_installation: Installation, sandbox: Sandbox) -> None:
    """A base with its version is understood; one with a wrong path is told, with what was asked."""
    small_installation.connect()

    fine = small_installation.run("check", WORKER_ENVOY__API_URL=f"{sandbox.url}/v1/")
    wrong = small_installation.run("check", expect=69, WORKER_ENVOY__API_URL=f"{sandbox.url}/proxy")

    assert f"ok   Envoy answers at {sandbox.url}/v1/locations" in fine.stdout.splitlines()
    (line,) = [line for line in wrong.stdout.splitlines() if line.startswith("FAIL")]
    assert f", asked at {sandbox.url}/proxy/v1/locations -- check [envoy] api_url" in line
    assert line.startswith("FAIL acme: Envoy answered 404")


def test_check_finds_a_key_that_opens_nothing(small_installation: Installation) -> None:
    """A lost key is a mistake of the settings: no customer is asked to connect again for it."""
    small_installation.connect()

    checked = small_installation.run("check", expect=78, WORKER_ENCRYPTION_KEYS=new_key())

    assert checked.stdout.count("FAIL WORKER_ENCRYPTION_KEYS: no key opens the stored tokens") == 1
    assert "ok   encryption keys" not in checked.stdout


def test_a_database_without_tables_is_migrated_once(empty_database_url: str, sandbox: Sandbox) -> None:
    """What needs the schema says what to type; db upgrade does it, and a second time nothing."""
    installation = Installation(empty_database_url, sandbox)

    refused = installation.run("status", expect=78)
    empty = installation.run("db", "current")
    checked = installation.run("check", expect=78)
    first = installation.run("db", "upgrade", ENVOY_CLIENT_ID="", WORKER_ENCRYPTION_KEYS="")
    again = installation.run("db", "upgrade")
    current = installation.run("db", "current")
    installation.run("status")
    installation.database.dispose()

    assert "envoy-worker db upgrade" in refused.stderr
    assert empty.stdout == "empty\n"
    assert "FAIL the database's schema is empty" in checked.stdout
    assert first.stdout == f"the schema was empty, and is at {HEAD} now\n"
    assert again.stdout == f"the schema is at {HEAD} already\n"
    assert current.stdout == f"{HEAD}\n"


def test_a_database_that_is_away_is_one_line(sandbox: Sandbox) -> None:
    """No server at the address: exit 69, and neither user nor password of the URL is shown."""
    url = f"postgresql://someone:hunter2@127.0.0.1:{free_port()}/none"
    installation = Installation(url, sandbox)

    said = [installation.run(command, expect=69) for command in ("status", "check")]

    printed = "".join(one.stdout + one.stderr for one in said)
    assert "hunter2" not in printed
    assert said[0].stderr.count("\n") == 1


def test_a_new_key_is_alone_on_stdout_and_needs_no_settings(tmp_path: Path, sandbox: Sandbox) -> None:
    """It can be put into a variable as it is; not even a settings file is looked for."""
    installation = Installation(f"sqlite:///{tmp_path / 'x.db'}", sandbox)
    missing = str(tmp_path / "none.toml")

    made = [installation.run("keys", "new", WORKER_SETTINGS=missing, WORKER_PUSH__X="1") for _ in range(2)]
    installation.database.dispose()

    assert all(re.fullmatch(r"[\w-]{43}=\n", one.stdout) for one in made)
    assert made[0].stdout != made[1].stdout
    assert made[0].stderr == ""


def test_keys_are_rotated_without_a_pause(installation: Installation) -> None:
    """The new key in front, rotate, the old one out: every token still opens."""
    installation.connect()
    old, new = installation.env["WORKER_ENCRYPTION_KEYS"], new_key()

    rotated = installation.run("keys", "rotate", WORKER_ENCRYPTION_KEYS=f"{new},{old}")
    again = installation.run("keys", "rotate", WORKER_ENCRYPTION_KEYS=f"{new},{old}")
    refreshed = installation.run("directory", "--refresh", WORKER_ENCRYPTION_KEYS=new)

    assert rotated.stdout == "1 connection re-encrypted under the newest key\n"
    assert again.stdout == "0 connections re-encrypted under the newest key\n"
    assert "Berlin" in refreshed.stdout


def test_check_and_status_name_invites_that_nobody_would_send(small_connected: Installation) -> None:
    """An invite without a delivery is a failure with its number; so is a trigger that is not there."""
    small_connected.add(2)
    worker_rows.lose_delivery(small_connected)
    small_connected.execute("DROP TRIGGER invite_changed")

    checked = small_connected.run("check", expect=78).stdout
    told = small_connected.run("status").stdout
    counted = json.loads(small_connected.run("status", "--json").stdout)

    assert "FAIL 2 invites without a delivery: written while no trigger fired" in checked
    assert "FAIL triggers that are missing: invite_changed" in checked
    assert "missing      2 invites without a delivery" in told
    assert counted["without_delivery"] == 2


def test_one_job_runs_by_hand_whatever_is_wrong_with_another(small_connected: Installation) -> None:
    """A mistake at one job keeps the service from its start, and an operator from that job alone."""
    small_connected.add(1)
    mistaken: dict[str, Any] = {"WORKER_JOBS__PRUNE_HISTORY__RUN": "jobs.prune_histry:run"}

    every = small_connected.run("run-once", expect=78, **mistaken).stderr
    small_connected.run("run-once", "push_invites", **mistaken)

    assert "jobs.prune_history.run: jobs.prune_histry:run leads nowhere" in every
    assert len(small_connected.sandbox.invites()) == 1
