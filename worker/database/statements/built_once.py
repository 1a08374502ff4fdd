"""Statements that are built once: to build one costs more than to execute it."""

from collections.abc import Callable, Hashable
from typing import Concatenate, ParamSpec, TypeVar
from weakref import WeakKeyDictionary

from worker.database.engine import Database

Rest = ParamSpec("Rest")
Statement = TypeVar("Statement")


def built_once(
    build: Callable[Concatenate[Database, Rest], Statement],
) -> Callable[Concatenate[Database, Rest], Statement]:
    """Call what builds a statement once for each database, and for each of its few other arguments.

    What differs from one execution to the next is a bound parameter of the statement.
    """
    kept: WeakKeyDictionary[Database, dict[Hashable, Statement]] = WeakKeyDictionary()

    def built(database: Database, /, *rest: Rest.args, **named: Rest.kwargs) -> Statement:
        of_this = kept.setdefault(database, {})
        key = (rest, tuple(named.items()))
        if key not in of_this:
            of_this[key] = build(database, *rest, **named)
        return of_this[key]

    return built
