"""Statements that are compiled once: they do what SQLAlchemy would do with them."""

from datetime import UTC, datetime, timedelta

import pytest
import sqlalchemy as sa

from worker.database import Database, StrictJson, Timestamp
from worker.database.statements.compiled import Given, Types, compile_for, compiled_once

ENTRIES = sa.Table(
    "entry",
    sa.MetaData(),
    sa.Column("id", sa.BigInteger, primary_key=True),
    sa.Column("text", sa.Text),
    sa.Column("content", StrictJson()),
    sa.Column("is_so", sa.Boolean),
    sa.Column("at", Timestamp),
)
TYPES: Types = {"key": sa.BigInteger(), "words": sa.Text(), "json": StrictJson(), "truth": sa.Boolean()}
ODD = "100 % of O'Brien's :name and %(name)s, \u0141\U0001f600"


@pytest.fixture(autouse=True)
def table(database: Database) -> None:
    """Make the table, with two rows."""
    with database.write() as connection:
        ENTRIES.create(connection)
        connection.execute(sa.insert(ENTRIES), [{"id": 1}, {"id": 2}])


def change(database: Database, text: str | None = None) -> sa.Executable:
    """Return an update of the rows that are given, with a text that is, or that is the statement's own."""
    given = Given(database, TYPES)
    return (
        sa.update(ENTRIES)
        .where(ENTRIES.c.id == given["key"], ENTRIES.c.id.in_([1, 2, 3]))
        .values(
            text=given["words"] if text is None else text,
            content=given["json"],
            is_so=given["truth"],
            at=database.now(),
        )
        .returning(ENTRIES.c.id)
    )


def entry(key: int, **others: object) -> dict[str, object]:
    """Return the values of one entry."""
    return {"key": key, "words": ODD, "json": {"a": [ODD, 1.5, None]}, "truth": True, **others}


def stored(database: Database) -> list[tuple[object, ...]]:
    """Return the rows as SQLAlchemy reads them."""
    columns = ENTRIES.c
    query = sa.select(columns.text, columns.content, columns.is_so).order_by(columns.id)
    with database.read() as connection:
        return [tuple(row) for row in connection.execute(query)]


def test_each_entry_is_executed_with_its_own_values(database: Database) -> None:
    """Texts, JSON, truths and nothing at all come out as they went in; what is not there is passed over."""
    compiled = compile_for(database, change(database))
    nothing = entry(2, words=None, json=None, truth=False)
    with database.write() as connection:
        found = compiled.rows(connection, [entry(1), nothing, entry(9)])

    assert sorted(found) == [(1,), (2,)]
    assert stored(database) == [(ODD, {"a": [ODD, 1.5, None]}, True), (None, None, False)]


@pytest.mark.parametrize("text", [ODD, "back\\slash", ""])
def test_what_never_changes_is_part_of_the_text(database: Database, text: str) -> None:
    """Whatever letters it has; and a list of values is as good as one."""
    compiled = compile_for(database, change(database, text))
    with database.write() as connection:
        compiled.rows(connection, [entry(1)])

    assert stored(database)[0][0] == text


def test_a_clock_is_read_at_each_execution(database_url: str) -> None:
    """A clock of a test's own is not read once, when the statement is compiled."""
    moments = [datetime(2030, 1, 1, tzinfo=UTC) + timedelta(days=day) for day in range(9)]
    database = Database(database_url, clock=lambda: moments[0])
    compiled = compile_for(database, change(database))
    del moments[:4]
    for expected in (datetime(2030, 1, 5, tzinfo=UTC), datetime(2030, 1, 6, tzinfo=UTC)):
        with database.write() as connection:
            compiled.rows(connection, [entry(1)])
            at = connection.execute(sa.select(ENTRIES.c.at).where(ENTRIES.c.id == 1)).scalar_one()
        del moments[0]
        assert at == expected
    database.dispose()


def test_errors_are_sqlalchemys_and_show_no_value(database: Database) -> None:
    """Anyone who catches them need not know how the statement was executed."""
    given = Given(database, TYPES)
    taken = sa.update(ENTRIES).where(ENTRIES.c.id == given["key"]).values(id=3 - given["key"])
    compiled = compile_for(database, taken.returning(ENTRIES.c.id))

    with pytest.raises(sa.exc.IntegrityError) as caught, database.write() as connection:
        compiled.rows(connection, [entry(1, words="secret")])

    assert "secret" not in str(caught.value)


def test_a_statement_is_compiled_once_for_each_database_and_value(database: Database) -> None:
    """A run that begins builds nothing that an earlier one has built."""
    first = compiled_once(database, change, text="a")

    assert compiled_once(database, change, text="a") is first
    assert compiled_once(database, change, text="b") is not first
