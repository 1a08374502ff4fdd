"""Statements that are built once."""

import gc
import weakref

from worker.database import Database
from worker.database.statements.built_once import built_once


def test_a_statement_is_built_once_for_each_database_and_argument() -> None:
    """Another database has other expressions for the time; another argument is another statement."""
    built: list[tuple[Database, int]] = []

    @built_once
    def build(database: Database, number: int) -> object:
        built.append((database, number))
        return object()

    one, other = Database("sqlite:///one.db"), Database("sqlite:///other.db")
    again = build(one, 1)

    assert build(one, 1) is again
    assert build(other, 1) is not again
    assert build(one, 2) is not again
    assert built == [(one, 1), (other, 1), (one, 2)]


def test_what_was_built_goes_with_its_database() -> None:
    """A program that opens many keeps none of them."""

    @built_once
    def build(_database: Database) -> object:
        return object()

    database = Database("sqlite:///one.db")
    build(database)
    gone = weakref.ref(database)
    del database
    gc.collect()

    assert gone() is None
