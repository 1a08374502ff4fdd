"""What an operator with many customers sees and types, through real processes."""

import json

import pytest

from bench.workplace import connect
from tests import worker_rows
from tests.installation import Installation
from worker.context import Context
from worker.sandbox import Sandbox

CONNECTIONS = 13
DEAD, HELD = "c-03", "c-04"
LATER = "2035-05-01T10:00:00Z"
INSERT = (
    "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
    " VALUES (:connection, :key, :key, :location, :arrival)"
)


@pytest.fixture
def companies() -> int:
    """Give each connection a company of its own."""
    return CONNECTIONS


@pytest.fixture
def many(installation: Installation, sandbox: Sandbox) -> Installation:
    """Give an installation of many customers, one of whom removed the application, and one is paused."""
    with Context.from_environment(installation.env) as context:
        for number in range(CONNECTIONS):
            connect(context, f"c-{number:02}", company_id=str(10_000 + number))
    worker_rows.pause(installation, HELD)
    sandbox.revoke("10003")
    return installation


def add(installation: Installation, connection: str, key: str, location: str = "Berlin") -> None:
    """Insert an invite."""
    installation.execute(INSERT, connection=connection, key=key, location=location, arrival=LATER)


def test_status_counts_many_and_names_those_that_need_a_person(many: Installation) -> None:
    """A screen is enough for hundreds; JSON stays whole; one customer can be looked at alone."""
    worker_rows.set_connection(many, DEAD, status="needs_authorisation")
    add(many, "c-01", "one")
    add(many, "c-02", "two")

    told = many.run("status").stdout
    whole = json.loads(many.run("status", "--json").stdout)
    alone = json.loads(many.run("status", "--connection", "c-01", "--json").stdout)

    assert "13 connections: 11 active, 1 held, 1 needs_authorisation" in told
    assert f"{DEAD} needs_authorisation -- envoy-worker connect {DEAD}" in told
    assert f"{HELD} held (paused) -- envoy-worker connections resume {HELD}" in told
    assert "c-01" not in told
    assert len(whole["connections"]) == CONNECTIONS
    assert [one["name"] for one in alone["connections"]] == ["c-01"]
    assert (whole["invites"]["pending"], alone["invites"]["pending"]) == (2, 1)
    assert whole.keys() == alone.keys()


def test_check_names_a_dead_grant_among_many(many: Installation) -> None:
    """What is fine is one line, what is wrong is named; one customer can be checked alone."""
    checked = many.run("check", expect=77)
    alone = many.run("check", "--connection", "c-01")

    lines = checked.stdout.splitlines()
    assert any(line.startswith(f"FAIL {DEAD}: ") and f"connect {DEAD}" in line for line in lines)
    assert any(line.startswith(f"warn {HELD}: held") for line in lines)
    assert "ok   11 connections (c-00, c-01, c-02, ...): Envoy answers and accepts their tokens" in lines
    assert "ok   c-01: Envoy answers and accepts its token" in alone.stdout.splitlines()
    assert DEAD not in alone.stdout


def test_connections_are_listed_by_status(many: Installation) -> None:
    """The held ones among hundreds are one command away; a status that does not exist is a mistake."""
    held = many.run("connections", "list", "--status", "held")
    none = many.run("connections", "list", "--status", "removed")
    wrong = many.run("connections", "list", "--status", "dead", expect=2)

    assert [line.split("\t")[0] for line in held.stdout.splitlines()] == [HELD]
    assert (none.stdout, none.stderr) == ("", "none of 13 is removed\n")
    assert "there are active, held, needs_authorisation, removed" in wrong.stderr


def test_all_rejected_invites_of_one_customer_are_retried_together(many: Installation) -> None:
    """After its directory was put right; other customers' rejected invites stay."""
    for connection, key in (("c-01", "one"), ("c-01", "two"), ("c-02", "one")):
        add(many, connection, key, location="Nowhere")
    many.run("run-once", "push_invites", expect=3)

    retried = many.run("invites", "retry", "--rejected", "--connection", "c-01")
    unsaid = many.run("invites", "retry", "--rejected", expect=2)

    rows = many.rows("SELECT connection, status FROM delivery ORDER BY id")
    assert retried.stdout == "c-01: 2 invites pending again\n"
    assert "--rejected --connection NAME" in unsaid.stderr
    assert [(row["connection"], row["status"]) for row in rows] == [
        ("c-01", "pending"), ("c-01", "pending"), ("c-02", "rejected"),
    ]  # fmt: skip


def test_a_pass_can_be_narrowed_to_one_customer(many: Installation, sandbox: Sandbox) -> None:
    """All jobs keep to it: directory, tokens, look-ups, pushes; nobody else's trouble is the exit code."""
    for connection in ("c-01", "c-02", "not-there"):
        add(many, connection, "v")
    before = sandbox.ledger()

    many.run(
        "run-once", "--connection", "c-01",
        WORKER_JOBS__REFRESH_DIRECTORY__MAX_AGE="0", WORKER_JOBS__KEEP_TOKENS_FRESH__MAX_IDLE="0",
    )  # fmt: skip

    after = sandbox.ledger()
    refreshed = many.rows("SELECT name FROM connection WHERE token_version > 1")
    marked = many.rows("SELECT connection FROM delivery WHERE error_code IS NOT NULL")
    assert [one["company_id"] for one in after["creates"]] == ["10001"]
    assert after["refreshes"] - before["refreshes"] == 1
    assert after["requests"] - before["requests"] == 4  # two lists, one refresh, one create
    assert [row["name"] for row in refreshed] == ["c-01"]
    assert marked == []


@pytest.mark.parametrize(
    "command",
    [
        "status", "check", "directory", "run-once", "run-once --dry-run", "invites list",
        "invites retry --rejected",
    ],
)  # fmt: skip
def test_a_name_that_is_not_there_is_a_mistake_everywhere(
    small_connected: Installation, command: str
) -> None:
    """Exit code 2 and the nearest name, and nothing is done."""
    typed = small_connected.run(*command.split(), "--connection", "acne", expect=2)

    assert typed.stderr == "error: there is no connection 'acne' -- did you mean acme?\n"
