"""SQLite's ways to meet a conflict: what did not happen leaves no trace, and what happened loses nothing.

The judge is SQLite itself: the same statement on a copy of the table that has no triggers.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing
from itertools import chain, permutations, product
from typing import NamedTuple

import pytest

COLUMNS = "(id, connection, external_id, invitee_name, location, expected_arrival_at)"
VALUES = "SELECT ?, 'acme', ?, 'New', 'Berlin', '2031-03-01T09:00:00Z'"
ON = {
    "DO NOTHING": " WHERE true ON CONFLICT DO NOTHING",
    "by id": " WHERE true ON CONFLICT (id) DO UPDATE SET external_id = excluded.external_id",
    "by key": " WHERE true ON CONFLICT (connection, external_id) DO UPDATE SET notes = 'new'",
    "moving": " WHERE true ON CONFLICT (connection, external_id) DO UPDATE SET id = excluded.id",
}
RESOLUTIONS = ("", "OR IGNORE", "OR REPLACE", "OR FAIL", "OR ABORT", "OR ROLLBACK")
KEYS = ("a", "b", "new")
IDS = (None, 1, 2, 9, -1)
Values = tuple[object, ...]
Pragmas = tuple[str, str]
PRAGMAS = [
    ("recursive_triggers = ON", "foreign_keys = OFF"),
    ("recursive_triggers = OFF", "foreign_keys = ON"),
]


class Standing(NamedTuple):
    """How an invite's delivery stands."""

    delivery: int
    invite: int | None
    revision: int
    token: int


@pytest.fixture
def prepared(sqlite_url: str) -> Iterator[sqlite3.Connection]:
    """Give a database with the invites a and b, to be copied."""
    path = sqlite_url.removeprefix("sqlite:///")
    with closing(sqlite3.connect(path, isolation_level=None)) as connection:
        for key in ("a", "b"):
            connection.execute(f"INSERT INTO invite {COLUMNS} {VALUES}", (None, key))
        connection.execute("UPDATE delivery SET next_attempt_at = '2031-01-01T00:00:00.000Z'")
        yield connection


def copied(prepared: sqlite3.Connection, pragmas: Pragmas) -> sqlite3.Connection:
    copy = sqlite3.connect(":memory:", isolation_level=None)
    prepared.backup(copy)
    for pragma in pragmas:
        copy.execute(f"PRAGMA {pragma}")
    return copy


def invites(connection: sqlite3.Connection) -> dict[str, int]:
    return dict(connection.execute("SELECT external_id, id FROM invite"))


def deliveries(connection: sqlite3.Connection) -> dict[str, Standing]:
    rows = connection.execute("SELECT external_id, id, invite_id, revision, fencing_token FROM delivery")
    return {key: Standing(*rest) for key, *rest in rows}


def run(connection: sqlite3.Connection, statement: str, values: Values) -> str:
    """Run a statement, and return why it was refused."""
    try:
        connection.execute(statement, values).fetchall()
    except sqlite3.IntegrityError as error:
        return str(error)
    return ""


class Bare(NamedTuple):
    """What SQLite makes of a statement where no trigger of ours is there."""

    refused: bool
    after: dict[str, int]
    deleted: set[str]  # as a trigger sees it: with recursive triggers, REPLACE is a DELETE of the row


def bare(prepared: sqlite3.Connection, pragmas: Pragmas, statement: str, values: Values) -> Bare:
    """Run the statement on a copy without our triggers."""
    with closing(copied(prepared, pragmas)) as copy:
        for (name,) in copy.execute("SELECT name FROM sqlite_master WHERE type = 'trigger'").fetchall():
            copy.execute(f"DROP TRIGGER {name}")
        copy.execute("CREATE TABLE gone (external_id TEXT)")
        copy.execute(
            "CREATE TRIGGER going AFTER DELETE ON invite BEGIN INSERT INTO gone VALUES (OLD.external_id); END"
        )
        refused = run(copy, statement, values)
        deleted = {key for (key,) in copy.execute("SELECT external_id FROM gone")}
        return Bare(bool(refused), invites(copy), deleted)


def pushed_out(expected: Bare, before: dict[str, int], statement: str) -> set[str]:
    """Return the keys whose row gave way to another one that was moved to its key."""
    if statement.startswith("INSERT"):
        return set()  # a row that is written again under its own key
    if "WHERE" in statement:
        return {"b"} if len(expected.after) < len(before) else set()
    return {key for key, number in before.items() if number not in expected.after.values()}


def judge(prepared: sqlite3.Connection, pragmas: Pragmas, statement: str, values: Values) -> None:
    """Hold one statement against what SQLite does without triggers, for each of the two tried or not."""
    before = invites(prepared)
    expected = bare(prepared, pragmas, statement, values)
    for tried in ((), ("a",), ("b",), ("a", "b")):
        with closing(copied(prepared, pragmas)) as own:
            own.executemany("UPDATE delivery SET fencing_token = 1 WHERE external_id = ?", zip(tried))
            stood = deliveries(own)
            said = run(own, statement, values)
            seen = said != "", invites(own), deliveries(own)
        case = statement, values, tried, said
        # What was tried must stay, and no other invite may take its key.
        gone = (
            expected.deleted
            | (before.keys() - expected.after.keys())
            | pushed_out(expected, before, statement)
        )
        if gone & set(tried):
            assert seen == (True, before, stood), case
            continue
        assert seen[:2] == (expected.refused, expected.after), case
        now = seen[2]
        assert {key: one.invite for key, one in now.items()} == expected.after, case
        assert all(now[key].delivery == stood[key].delivery for key in tried), case
        if "UPDATE" not in statement and "REPLACE" not in statement:
            assert {key: now[key] for key in stood} == stood, case


@pytest.mark.parametrize("pragmas", PRAGMAS)
def test_an_insert_that_meets_other_rows_loses_no_delivery(
    pragmas: Pragmas, prepared: sqlite3.Connection
) -> None:
    """Every verb, every id and key, each row tried or not: one delivery for each invite, none too few."""
    heads = [(f"INSERT {verb}", "") for verb in RESOLUTIONS] + [("INSERT", clause) for clause in ON.values()]
    for (verb, clause), number, key in product(heads, IDS, KEYS):
        judge(prepared, pragmas, f"{verb} INTO invite {COLUMNS} {VALUES}{clause}", (number, key))


@pytest.mark.parametrize("pragmas", PRAGMAS)
def test_one_statement_of_several_rows_loses_no_delivery(
    pragmas: Pragmas, prepared: sqlite3.Connection
) -> None:
    """Whether its rows go in, are ignored or fail: what went in has its delivery, and nothing else has."""
    values = "(?, 'acme', ?, 'New', 'Berlin', '2031-03-01T09:00:00Z')"
    heads = [(f"INSERT {verb}", "") for verb in RESOLUTIONS]
    heads += [("INSERT", clause.removeprefix(" WHERE true")) for clause in ON.values()]
    for verb, clause in heads:
        statement = f"{verb} INTO invite {COLUMNS} VALUES {values}, {values}, {values}{clause} RETURNING id"
        for rows in permutations(((None, "new"), (None, "a"), (2, "other"))):
            judge(prepared, pragmas, statement, tuple(chain(*rows)))


@pytest.mark.parametrize("pragmas", PRAGMAS)
def test_an_update_that_meets_other_rows_loses_no_delivery(
    pragmas: Pragmas, prepared: sqlite3.Connection
) -> None:
    """Another key, another id by whatever name, or both, by every verb: the same."""
    for verb, number, key in product(RESOLUTIONS, IDS[1:], KEYS):
        statement = f"UPDATE {verb} invite SET id = ?, external_id = ? WHERE external_id = 'a'"  # noqa: S608
        judge(prepared, pragmas, statement, (number, key))
    for verb, number, name in product(RESOLUTIONS, IDS[1:], ("rowid", "oid", "_rowid_")):
        judge(prepared, pragmas, f"UPDATE {verb} invite SET {name} = ? WHERE external_id = 'a'", (number,))  # noqa: S608


@pytest.mark.parametrize("pragmas", PRAGMAS)
def test_an_update_of_many_rows_that_meet_each_other_loses_no_delivery(
    pragmas: Pragmas, prepared: sqlite3.Connection
) -> None:
    """All of them to one key, one after the other."""
    for verb, key in product(RESOLUTIONS, KEYS):
        judge(prepared, pragmas, f"UPDATE {verb} invite SET external_id = ?", (key,))  # noqa: S608
