"""Statements that are built once for each database: to build one takes longer than to execute it."""

from collections.abc import Callable, Hashable
from typing import Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from worker.database.engine import Database

Given = ParamSpec("Given")
Built = TypeVar("Built")


def built_once(
    build: Callable[Concatenate[Database, Given], Built],
) -> Callable[Concatenate[Database, Given], Built]:
    """Return a function that keeps what *build* made for a database, and for what else it was given.

    What is built must not refer to the database itself, which it would keep from being freed.  Two threads
    may build the same at once, and it does not matter whose is kept.
    """
    made: WeakKeyDictionary[Database, dict[Hashable, Built]] = WeakKeyDictionary()

    def built(database: Database, /, *values: Given.args, **named: Given.kwargs) -> Built:
        of_database = made.setdefault(database, {})
        key = (values, tuple(named.items()))
        if key not in of_database:
            of_database[key] = build(database, *values, **named)
        return of_database[key]

    return built
