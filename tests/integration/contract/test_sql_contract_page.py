"""The page docs/sql-contract.md says what the databases do: each of its examples is run."""

import ast
import re
import sqlite3
from pathlib import Path

import psycopg
import pytest

from tests.integration.contract.caller import Caller, Refused
from worker.invites.states import Status

PAGE = (Path(__file__).parents[3] / "docs/sql-contract.md").read_text(encoding="utf-8")
EXAMPLE = re.compile(r"```sql\n-- ([^,\n]+)(?:, refused: ([^\n]+))?\n(.*?)```", re.DOTALL)


def examples(database: str) -> list[tuple[str, str]]:
    """Return the examples for one database in their order, each with the text of its refusal, if any."""
    return [
        (sql, refusal)
        for where, refusal, sql in EXAMPLE.findall(PAGE)
        if where in {database, "both databases"}
    ]


def test_every_sql_example_names_its_database() -> None:
    """None escapes the tests below."""
    wheres = {where for where, _, _ in EXAMPLE.findall(PAGE)}

    assert PAGE.count("```sql") == len(EXAMPLE.findall(PAGE))
    assert wheres == {"both databases", "SQLite", "PostgreSQL"}


def test_the_examples_run_on_sqlite(sqlite_url: str) -> None:
    """In the page's order, on one connection, as a reader would try them."""
    connection = sqlite3.connect(sqlite_url.removeprefix("sqlite:///"), isolation_level=None)
    for sql, refusal in examples("SQLite"):
        if refusal:
            with pytest.raises(sqlite3.IntegrityError, match=refusal):
                connection.executescript(sql)
        else:
            connection.executescript(sql)
    query = "SELECT external_id, status, revision, notes FROM invite_status ORDER BY external_id"
    standing = connection.execute(query).fetchall()
    connection.close()

    # Inserted, moved, given a note, called off, replaced, which wants it again, and written whole.
    assert standing == [("booking-1", "pending", 6, "Third floor"), ("booking-5", "pending", 1, None)]


def test_the_examples_run_on_postgresql(postgresql_url: str) -> None:
    """In the page's order; the roles that they make go with the transaction."""
    with psycopg.connect(postgresql_url) as connection:
        for sql, refusal in examples("PostgreSQL"):
            if refusal:
                with pytest.raises(psycopg.Error, match=refusal), connection.transaction():
                    connection.execute(sql.encode())
            else:
                connection.execute(sql.encode())
        query = "SELECT external_id, status, revision FROM invite_status ORDER BY external_id"
        standing = connection.execute(query.encode()).fetchall()
        connection.rollback()

    assert standing == [("booking-1", "pending", 5), ("booking-5", "pending", 1)]


def test_the_page_lists_the_columns_of_the_table(caller: Caller) -> None:
    """Every column has its line, in the table's own order, and the view's are there as well."""
    caller.insert()
    table, view = _listed("## Table `invite`"), _listed("## Reading back")

    assert table == list(caller.invite())
    expected = set(caller.one("SELECT * FROM invite_status"))
    assert set(table) - {"cleared_at"} | {column for column in view if column not in set(Status)} == expected


def test_the_page_lists_every_status() -> None:
    """Each with its meaning, and with what the caller can do."""
    assert [column for column in _listed("## Reading back") if column in set(Status)] == list(Status)


def test_the_constraints_that_the_page_names_exist(caller: Caller) -> None:
    """A caller may look for these names in its errors."""
    named = set(re.findall(r"`(invite_(?!status)\w+)`", PAGE))
    catalogue = (
        "SELECT sql AS text FROM sqlite_master"
        if caller.sqlite
        else "SELECT conname::text AS text FROM pg_constraint UNION ALL SELECT prosrc FROM pg_proc"
    )
    existing = " ".join(str(row["text"]) for row in caller.rows(catalogue))
    only_sqlite = {name for name in named if name.endswith("_has_zone")}

    assert [name for name in named - (set() if caller.sqlite else only_sqlite) if name not in existing] == []


def test_the_refusal_that_the_page_quotes_is_the_database_s(caller: Caller) -> None:
    """Word by word, so that it can be searched for."""
    caller.insert()
    caller.deliver("sent")
    quoted = re.search(r"`(this invite was sent or tried: [^`]+)`", PAGE)
    assert quoted is not None

    with pytest.raises(Refused, match=re.escape(quoted[1])):
        caller.rows("DELETE FROM invite")


def test_the_python_examples_are_python() -> None:
    """They can be copied as they are."""
    blocks = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)

    assert len(blocks) == 2
    assert all(ast.parse(block) for block in blocks)


def _listed(heading: str) -> list[str]:
    section = PAGE.partition(f"{heading}\n")[2].partition("\n## ")[0]
    firsts = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", section, re.MULTILINE)
    return [column for first in firsts for column in re.findall(r"\w+", first)]
