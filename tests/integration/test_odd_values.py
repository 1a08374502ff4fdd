"""Values that no column should have are read all the same, and keep no other row from its work."""

import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

import pytest
import sqlalchemy as sa

from tests import worker_rows
from tests.looking import look, seat
from tests.strangers import StrangersDatabase, hostile, settle
from worker.database import Database

# The caller's own times are checked by the database; all others are the worker's.
OURS = ("connection", "delivery", "attempt", "job", "host", "employee", "job_run")
PLAIN = (
    "INSERT INTO invite (connection, external_id, invitee_name, expected_arrival_at)"
    " VALUES ('acme', 'plain', 'Ann', '2035-05-01T10:00:00Z')"
)


@pytest.fixture
def strangers_database(
    database: Database, database_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> StrangersDatabase:
    """Sit down before a database with a row in every table."""
    seat(monkeypatch, database_url, tmp_path)
    strangers_database = settle(database, random.Random(2))  # noqa: S311 -- to be played again
    with database.write() as connection:
        connection.exec_driver_sql(PLAIN)
    return strangers_database


def times(database: Database) -> Iterator[tuple[str, list[str]]]:
    """Yield the worker's tables with their columns for times."""
    kinds = (sa.TIMESTAMP, sa.DateTime)
    inspector = sa.inspect(database.engine)
    for table in OURS:
        names = [
            column["name"]
            for column in inspector.get_columns(table)
            if "computed" not in column  # which nobody can write
            and (isinstance(column["type"], kinds) or column["name"].endswith(("_at", "_until", "_since")))
        ]
        yield table, names


@pytest.mark.usefixtures("strangers_database")
@pytest.mark.parametrize("ahead", [True, False])
def test_what_is_no_time_is_read_as_one(database: Database, ahead: bool) -> None:
    """One that lies beyond all that there are, or before: nothing ends at it."""
    odd = hostile(random.Random(1)) if ahead else "-"  # noqa: S311 -- to be played again
    value = odd if database.is_sqlite else f"{'' if ahead else '-'}infinity"
    for table, names in times(database):
        worker_rows.set_every_row(worker_rows.At(database), table, **dict.fromkeys(names, value))

    for command in (
        "status --json", "check", "invites list", "invites show acme/plain --json", "directory",
        "connections list", "run-once --dry-run", "run-once", "connections resume --all", "keys rotate",
    ):  # fmt: skip
        look(*command.split()).require_harmless()


@pytest.mark.usefixtures("strangers_database")
def test_a_hold_until_no_time_is_over(database: Database) -> None:
    """As one that lasts longer than any can; a pause without an end goes on."""
    value = "never" if database.is_sqlite else "infinity"
    for reason, status in (("rate_limited", "active"), ("paused", "held")):
        worker_rows.set_connection(
            worker_rows.At(database), status="active", held_until=value, hold_reason=reason
        )
        (one,) = [x for x in json.loads(look("connections", "list", "--json").out) if x["name"] == "acme"]
        assert one["status"] == status


def not_json(word: str) -> NoReturn:
    """Refuse what Python's parser takes, and no other."""
    pytest.fail(f"{word} is no JSON")


@pytest.mark.usefixtures("strangers_database")
@pytest.mark.parametrize(
    "fields",
    ['{"a": 1e999, "b": [-1e999]}', '{"a": ' + "[" * 600 + "]" * 600 + "}", '{"a": ' + "9" * 5000 + "}"],
)
def test_json_is_json_whatever_is_stored(database: Database, fields: str) -> None:
    """Neither an endless number nor deep nesting makes it another language; nothing is quoted in the log."""
    with database.write() as connection:
        connection.execute(
            sa.text("UPDATE invite SET custom_fields = :fields WHERE external_id = 'plain'"),
            {"fields": fields},
        )

    said = look("invites", "show", "acme/plain", "--json")

    assert (said.code, said.err) == (0, "")
    assert json.loads(said.out, parse_constant=not_json)["invite"]["custom_fields"]


def test_a_limit_may_be_any_number(strangers_database: StrangersDatabase) -> None:
    """A list is no longer than what there is."""
    said = look("invites", "list", "--json", "--limit", "9" * 30)

    assert (said.code, len(json.loads(said.out))) == (0, len(strangers_database.invites) + 1)
