"""Statements that are compiled once, and executed as they are written: what is done for each invite.

SQLAlchemy takes longer to prepare an execution than SQLite takes to execute it.  Here it builds the text
once.  PostgreSQL is given a whole group of entries at once, as one JSON text; SQLite, which would gain
nothing by that, each entry by itself.
"""

import re
import sqlite3
from collections.abc import Callable, Hashable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any, TypeAlias
from weakref import WeakKeyDictionary

import sqlalchemy as sa
from sqlalchemy.types import TypeEngine

from worker.database.engine import Database

Types: TypeAlias = Mapping[str, TypeEngine[Any]]

_ENTRIES = "entries"
_PLACES = re.compile(r"(?<!:):(\w+)|%\((\w+)\)s")  # of values; but not PostgreSQL's casts


class _Place(sa.BindParameter[Any]):
    """A value that is given at each execution."""

    inherit_cache = True


class Given:
    """The values of the entries that a statement is executed for, each by its name."""

    def __init__(self, database: Database, types: Types) -> None:
        """Take the names, and the types of their values."""
        self._columns: Mapping[str, sa.ColumnElement[Any]]
        if database.is_sqlite:
            self._columns = {name: _Place(name, None, type_=kind) for name, kind in types.items()}
            return
        text = sa.cast(_Place(_ENTRIES, None, type_=sa.Text()), sa.JSON())
        columns = [sa.column(name, kind) for name, kind in types.items()]
        given = sa.func.json_to_recordset(text).table_valued(*columns).render_derived(with_types=True)
        self._columns = {name: given.c[name] for name in types}

    def __getitem__(self, name: str) -> sa.ColumnElement[Any]:
        """Return the expression for a value."""
        return self._columns[name]


class Compiled:
    """One statement, as its driver takes it."""

    def __init__(self, database: Database, statement: sa.Executable) -> None:
        """Compile it."""
        self._is_sqlite = database.is_sqlite
        self._json_of = database.json_of
        dialect: Any = database.engine.dialect
        if self._is_sqlite:  # by name, so that one value may stand in several places
            dialect = type(dialect)(paramstyle="named", json_serializer=self._json_of)
        built: Any = statement
        compiled = built.compile(dialect=dialect, compile_kwargs={"render_postcompile": True})
        self._convert: list[tuple[str, Callable[[Any], Any]]] = []
        self._clocks: list[tuple[str, Callable[[], Any]]] = []
        constants = dict(compiled.params)
        for bound, name in compiled.bind_names.items():
            convert = _conversion(bound, dialect)
            if isinstance(bound, _Place):
                del constants[name]
                self._convert += [(name, convert)] if convert is not None else []
            elif bound.callable is not None:
                del constants[name]
                self._clocks.append((name, _clock(bound.callable, convert)))
            elif convert is not None and name in constants:
                constants[name] = convert(constants[name])
        self._text = _PLACES.sub(lambda place: _literal(place, constants), str(compiled))
        self._constants = {name: value for name, value in constants.items() if not _is_simple(value)}

    def rows(self, connection: sa.Connection, entries: Sequence[Mapping[str, Any]]) -> list[tuple[Any, ...]]:
        """Execute it for all entries, and return the rows that it returns."""
        if not self._is_sqlite:
            given = self._of({_ENTRIES: self._json_of(entries)})
            return [tuple(row) for row in connection.exec_driver_sql(self._text, given)]
        with self._raw(connection) as raw:
            return [row for entry in entries for row in raw.execute(self._text, self._of(entry))]

    def many(self, connection: sa.Connection, entries: Sequence[Mapping[str, Any]]) -> None:
        """Execute it for each entry; on SQLite only."""
        with self._raw(connection) as raw:
            raw.executemany(self._text, [self._of(entry) for entry in entries])

    @contextmanager
    def _raw(self, connection: sa.Connection) -> Iterator[sqlite3.Cursor]:
        """Give the driver's cursor; its errors are SQLAlchemy's, as ever."""
        raw: sqlite3.Connection = connection.connection.driver_connection  # type: ignore[assignment]
        try:
            yield raw.cursor()
        except sqlite3.Error as error:
            failure = sa.exc.DBAPIError.instance(
                self._text, None, error, sqlite3.Error, hide_parameters=True, dialect=connection.dialect
            )
            raise failure from error

    def _of(self, values: Mapping[str, Any]) -> dict[str, Any]:
        given = {**self._constants, **values}
        for name, convert in self._convert:
            given[name] = convert(given[name])
        for name, read in self._clocks:
            given[name] = read()
        return given


_built: WeakKeyDictionary[Database, dict[Hashable, Compiled]] = WeakKeyDictionary()


def compiled_once(database: Database, build: Callable[..., sa.Executable], **values: Hashable) -> Compiled:
    """Return what *build* makes with the values, compiled when it is first asked for."""
    key = (build, *sorted(values.items()))
    of_database = _built.setdefault(database, {})
    if key not in of_database:
        of_database[key] = Compiled(database, build(database, **values))
    return of_database[key]


def _conversion(bound: sa.BindParameter[Any], dialect: sa.Dialect) -> Callable[[Any], Any] | None:
    """Return what makes a value the driver's; numbers and truths are what they are for every driver."""
    if isinstance(bound.type, sa.Boolean | sa.Numeric):
        return None
    return bound.type.dialect_impl(dialect).bind_processor(dialect)


def _clock(read: Callable[[], Any], convert: Callable[[Any], Any] | None) -> Callable[[], Any]:
    return read if convert is None else lambda: convert(read())


def _literal(place: re.Match[str], constants: Mapping[str, Any]) -> str:
    """Return what stands at a place of the text: what never changes is written into it."""
    name = place[1] or place[2]
    if name not in constants or not _is_simple(constants[name]):
        return place[0]
    value = constants[name]
    if value is None:
        return "NULL"
    if isinstance(value, int):
        return str(int(value))
    quoted = "'" + str(value).replace("'", "''") + "'"
    return quoted if place[1] else quoted.replace("%", "%%")


def _is_simple(value: object) -> bool:
    return value is None or isinstance(value, int) or (isinstance(value, str) and "\\" not in value)
