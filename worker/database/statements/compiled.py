"""Statements that are compiled once, and executed for a whole group of entries: what is done for each invite.

SQLAlchemy takes longer to prepare an execution than SQLite takes to execute it.  Here it builds the text
once.  PostgreSQL is given the entries as one JSON text; SQLite as the rows of a VALUES: a thread
that executes one statement for each entry gives the interpreter's lock away, and waits for it, each time.
"""

import re
import sqlite3
from abc import ABC, abstractmethod
from collections.abc import Callable, Hashable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, TypeAlias
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.sql import visitors
from sqlalchemy.types import TypeEngine

from worker.database.engine import Database

if TYPE_CHECKING:
    from worker.database.postgresql.one_trip import Statement

Types: TypeAlias = Mapping[str, TypeEngine[Any]]
_Convert: TypeAlias = Callable[[Any], Any] | None

MOST_ROWS = 64  # of a VALUES: there is one text for each power of two up to this
_ENTRIES = "entries"
_PLACES = re.compile(r"(?<!:):(\w+)|%\((\w+)\)s")  # of values; but not PostgreSQL's casts


class _Place(sa.BindParameter[Any]):
    """A value that is given at each execution."""

    inherit_cache = True


class Given:
    """The values of the entries that a statement is executed for, each by its name."""

    def __init__(self, database: Database, types: Types) -> None:
        """Take the names, and the types of their values."""
        columns = [sa.column(name, kind) for name, kind in types.items()]
        if database.is_sqlite:
            self.entries: sa.FromClause = sa.table(_ENTRIES, *columns)
            return
        text = sa.cast(_Place(_ENTRIES, None, type_=sa.Text()), sa.JSON())
        given = sa.func.json_to_recordset(text).table_valued(*columns).render_derived(with_types=True)
        self.entries = sa.select(*given.c).cte(_ENTRIES)  # parsed once, however often it is looked at

    def __getitem__(self, name: str) -> sa.ColumnElement[Any]:
        """Return the expression for a value."""
        return self.entries.c[name]


class Compiled(ABC):
    """One statement, as its driver takes it."""

    def call(self, entries: Sequence[Mapping[str, Any]]) -> "Statement":
        """Return it with the values of all entries, to be executed with others; for PostgreSQL only."""
        raise NotImplementedError

    @abstractmethod
    def rows(self, connection: sa.Connection, entries: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """Execute it for all entries, and return the rows that it returns."""


def compile_for(database: Database, statement: sa.Executable) -> Compiled:
    """Compile a statement."""
    return _OnSqlite(database, statement) if database.is_sqlite else _OnPostgresql(database, statement)


_built: WeakKeyDictionary[Database, dict[Hashable, Compiled]] = WeakKeyDictionary()


def compiled_once(database: Database, build: Callable[..., sa.Executable], **values: Hashable) -> Compiled:
    """Return what *build* makes with the values, compiled when it is first asked for."""
    key = (build, *sorted(values.items()))
    of_database = _built.setdefault(database, {})
    if key not in of_database:
        of_database[key] = compile_for(database, build(database, **values))
    return of_database[key]


class _OnPostgresql(Compiled):
    """All entries are one parameter."""

    def __init__(self, database: Database, statement: sa.Executable) -> None:
        self._json_of = database.json_of
        text, self._values = _text_and_values(statement, database.engine.dialect)
        self._text = text

    def call(self, entries: Sequence[Mapping[str, Any]]) -> "Statement":
        values = {name: read() for name, read in self._values.items()}
        return self._text, {_ENTRIES: self._json_of(entries), **values}

    def rows(self, connection: sa.Connection, entries: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        text, values = self.call(entries)
        return [tuple(row) for row in connection.exec_driver_sql(text, dict(values))]


class _OnSqlite(Compiled):
    """Each entry is a row of a VALUES; rows that are left over hold nothing, and nothing is equal to that."""

    def __init__(self, database: Database, statement: sa.Executable) -> None:
        # By name, so that one value may stand in several places.
        kind: Any = type(database.engine.dialect)
        dialect = kind(paramstyle="named", json_serializer=database.json_of)
        text, self._values = _text_and_values(statement, dialect)
        self._columns: list[tuple[str, _Convert]] = [
            (column.name, _conversion(column.type, dialect)) for column in _entries_of(statement).c
        ]
        self._nothing = (None,) * len(self._columns)
        names = ", ".join(name for name, _ in self._columns)
        self._before = f"WITH {self._fixed()}{_ENTRIES}({names}) AS (VALUES "
        self._row = f"({', '.join('?' * len(self._columns))})"
        self._after = ") " + text
        self._texts: dict[int, str] = {}

    def rows(self, connection: sa.Connection, entries: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        raw: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
        found: list[tuple[Any, ...]] = []
        try:
            for first in range(0, len(entries), MOST_ROWS):
                some = entries[first : first + MOST_ROWS]
                number = 1 << (len(some) - 1).bit_length()
                found += raw.execute(self._text(number), self._given(some, number))
        except sqlite3.Error as error:  # its errors are SQLAlchemy's, as ever
            failure = sa.exc.DBAPIError.instance(
                self._after, None, error, sqlite3.Error, hide_parameters=True, dialect=connection.dialect
            )
            raise failure from error
        return found

    def _fixed(self) -> str:
        """Return the table of the values that are not the entries'."""
        names, places = ", ".join(self._values), ", ".join("?" * len(self._values))
        return f"fixed({names}) AS (VALUES ({places})), " if self._values else ""

    def _text(self, number: int) -> str:
        if number not in self._texts:
            self._texts[number] = self._before + ", ".join([self._row] * number) + self._after
        return self._texts[number]

    def _given(self, entries: Sequence[Mapping[str, Any]], number: int) -> list[Any]:
        given = [read() for read in self._values.values()]
        for entry in entries:
            given += [
                entry[name] if convert is None else convert(entry[name]) for name, convert in self._columns
            ]
        for _ in range(number - len(entries)):
            given += self._nothing
        return given


def _text_and_values(
    statement: sa.Executable, dialect: sa.Dialect
) -> tuple[str, dict[str, Callable[[], Any]]]:
    """Return the text of a statement, and what is read at each execution for its other places."""
    built: Any = statement
    compiled = built.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
    text = str(compiled)
    used = {place[1] or place[2] for place in _PLACES.finditer(text)} - {_ENTRIES}
    simple = {name: value for name, value in compiled.params.items() if name in used and _is_simple(value)}
    values: dict[str, Callable[[], Any]] = {}
    for bound, name in compiled.bind_names.items():
        if name not in used:  # a list, each of whose values has a place of its own
            continue
        read = _reading(bound, _conversion(bound.type, dialect))
        if bound.callable is None and _is_simple(read()):
            simple[name] = read()
        else:
            values[name] = read
            simple.pop(name, None)
    return _PLACES.sub(lambda place: _filled(place, simple), text), values


def _entries_of(statement: sa.Executable) -> sa.FromClause:
    """Return the table that stands for the entries."""
    built: Any = statement
    for element in visitors.iterate(built):
        table = getattr(element, "table", None)
        if isinstance(table, sa.TableClause) and table.name == _ENTRIES:
            return table
    raise ValueError("a statement that is executed for entries uses none of their values")


def _conversion(kind: TypeEngine[Any], dialect: sa.Dialect) -> _Convert:
    """Return what makes a value the driver's; numbers and truths are what they are for every driver."""
    if isinstance(kind, sa.Boolean | sa.Numeric):
        return None
    return kind.dialect_impl(dialect).bind_processor(dialect)


def _reading(bound: sa.BindParameter[Any], convert: _Convert) -> Callable[[], Any]:
    read: Callable[[], Any] = bound.callable or (lambda: bound.value)
    return read if convert is None else lambda: convert(read())


def _filled(place: re.Match[str], simple: Mapping[str, Any]) -> str:
    """Return what stands at a place of the text: what never changes is written into it."""
    name = place[1] or place[2]
    if name in simple:
        return _literal(simple[name], in_percents=place[1] is None)
    return place[0] if place[2] else f"(SELECT {name} FROM fixed)"  # noqa: S608 -- SQLAlchemy's own name


def _literal(value: object, *, in_percents: bool) -> str:
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(int(value))
    quoted = "'" + str(value).replace("'", "''") + "'"
    return quoted.replace("%", "%%") if in_percents else quoted


def _is_simple(value: object) -> bool:
    return value is None or isinstance(value, int) or (isinstance(value, str) and "\\" not in value)
