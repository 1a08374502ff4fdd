"""PostgreSQL databases for the tests, used again where a test left nothing behind but rows.

A database costs a fifth of a second to copy, and a tenth of that to empty.  One whose tables, triggers,
rights or settings are not the template's any more is dropped, and so is one that has grown or cannot be
emptied.
"""

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from typing import LiteralString, TypeAlias

import psycopg
from psycopg import sql

Server: TypeAlias = "psycopg.Connection[tuple[object, ...]]"

# All that a test may have changed in a database but rows, as one text.
SHAPE: LiteralString = """
    SELECT md5(string_agg(line, E'\\n' ORDER BY line COLLATE "C")) FROM (
        SELECT concat_ws(' ', 'c', n.nspname, c.relname, c.relkind, c.relacl, c.reloptions,
                         pg_get_viewdef(CASE WHEN c.relkind = 'v' THEN c.oid END)) AS line
          FROM pg_class AS c JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE {own}
        UNION ALL
        SELECT concat_ws(' ', 'a', c.relname, a.attname, a.atttypid, a.attnum, a.attnotnull, a.attacl,
                         a.attidentity, pg_get_expr(d.adbin, d.adrelid))
          FROM pg_attribute AS a JOIN pg_class AS c ON c.oid = a.attrelid
          JOIN pg_namespace AS n ON n.oid = c.relnamespace
          LEFT JOIN pg_attrdef AS d ON d.adrelid = a.attrelid AND d.adnum = a.attnum WHERE {own}
        UNION ALL
        SELECT concat_ws(' ', 't', c.relname, t.tgname, t.tgenabled, pg_get_triggerdef(t.oid))
          FROM pg_trigger AS t JOIN pg_class AS c ON c.oid = t.tgrelid
          JOIN pg_namespace AS n ON n.oid = c.relnamespace WHERE NOT t.tgisinternal AND {own}
        UNION ALL
        SELECT concat_ws(' ', 'k', k.conname, k.conrelid::regclass, pg_get_constraintdef(k.oid))
          FROM pg_constraint AS k JOIN pg_namespace AS n ON n.oid = k.connamespace WHERE {own}
        UNION ALL
        SELECT concat_ws(' ', 'p', n.nspname, p.proname, p.prosrc, p.proconfig, p.proacl)
          FROM pg_proc AS p JOIN pg_namespace AS n ON n.oid = p.pronamespace WHERE {own}
        UNION ALL
        SELECT concat_ws(' ', 'n', n.nspname, n.nspacl) FROM pg_namespace AS n WHERE {own}
        UNION ALL
        SELECT concat_ws(' ', 'd', d.datallowconn, d.datconnlimit, d.datacl, s.setconfig)
          FROM pg_database AS d LEFT JOIN pg_db_role_setting AS s ON s.setdatabase = d.oid
         WHERE d.datname = current_database()
    ) AS shape
""".replace("{own}", "(n.nspname = 'public' OR n.nspname !~ '^(pg_|information_schema)')")
# The same, told by who wrote each row of the catalog last: cheaper by far, and different where anything was
# changed, be it changed back.
STAMP: LiteralString = """
    SELECT md5(string_agg(line, ',' ORDER BY line COLLATE "C")) FROM (
        SELECT concat_ws(' ', 'c', oid, xmin) AS line FROM pg_class WHERE oid >= {first}
        UNION ALL SELECT concat_ws(' ', 'a', attrelid, attnum, xmin)
                    FROM pg_attribute WHERE attrelid >= {first}
        UNION ALL SELECT concat_ws(' ', 'v', oid, xmin) FROM pg_attrdef
        UNION ALL SELECT concat_ws(' ', 'r', oid, xmin) FROM pg_rewrite WHERE ev_class >= {first}
        UNION ALL SELECT concat_ws(' ', 't', oid, xmin) FROM pg_trigger
        UNION ALL SELECT concat_ws(' ', 'k', oid, xmin) FROM pg_constraint WHERE oid >= {first}
        UNION ALL SELECT concat_ws(' ', 'p', oid, xmin) FROM pg_proc WHERE oid >= {first}
        UNION ALL SELECT concat_ws(' ', 'n', oid, xmin) FROM pg_namespace
        UNION ALL
        SELECT concat_ws(' ', 'd', d.datallowconn, d.datconnlimit, d.datacl, s.setconfig)
          FROM pg_database AS d LEFT JOIN pg_db_role_setting AS s ON s.setdatabase = d.oid
         WHERE d.datname = current_database()
    ) AS stamp
""".replace("{first}", "16384")  # what is no part of PostgreSQL itself
ALONE: LiteralString = """
    SET LOCAL lock_timeout = '1s';
    SELECT pg_terminate_backend(pid, 5000) FROM pg_stat_activity
     WHERE datname = current_database() AND pid <> pg_backend_pid()
"""
# Anyone who kills a server has one of their own.
EMPTYING: LiteralString = """
    SET LOCAL synchronous_commit = off;
    SET LOCAL session_replication_role = replica
"""
TABLES: LiteralString = "SELECT tablename FROM pg_tables WHERE schemaname = 'public' ORDER BY tablename"
SEQUENCES: LiteralString = "SELECT schemaname, sequencename, start_value FROM pg_sequences"
# Nothing is vacuumed between the tests: what was deleted stays in the files.
SIZE: LiteralString = "SELECT pg_database_size(current_database()) / 1048576"
MOST_GROWN_MIB = 8
# Before it the rows that keep an invite from being deleted.
LAST = "invite"


def with_name(url: str, name: str) -> str:
    """Return the URL of another database of the same server."""
    head, _, query = url.partition("?")
    return f"{head.rpartition('/')[0]}/{name}" + (f"?{query}" if query else "")


class Databases:
    """Copies of one migrated database; each is one test's at a time."""

    def __init__(self, server: str, template: str) -> None:
        """Look at the template once: what it is like, and which of its rows belong to it."""
        self._server = server
        self._template = template
        self._idle: list[str] = []
        with psycopg.connect(with_name(server, template), autocommit=True) as connection:
            tables = [str(name) for (name,) in connection.execute(TABLES)]
            own = {name: _content(connection, name) for name in tables}
            self._kept = {name: content for name, content in own.items() if content is not None}
            emptied = sorted(own.keys() - self._kept.keys(), key=lambda name: (name == LAST, name))
            deleting = [sql.SQL("DELETE FROM public.{}").format(sql.Identifier(name)) for name in emptied]
            restarting = [
                sql.SQL("SELECT setval({}::regclass, {}, false)").format(f"{schema}.{name}", start)
                for schema, name, start in connection.execute(SEQUENCES)
            ]
            self._emptying = sql.SQL(";").join([sql.SQL(EMPTYING), *deleting, *restarting])
            self._shape = _one(connection, SHAPE)
            self._stamp = _one(connection, STAMP)
            self._stamps: dict[str, object] = {}  # of those that were changed, and changed back
            self._size_mib = _one(connection, SIZE)

    @contextmanager
    def fresh(self) -> Iterator[str]:
        """Lend a database that is as good as new."""
        name = self._idle.pop() if self._idle else self._copied()
        try:
            yield with_name(self._server, name)
        finally:
            if self._is_as_new(name):
                self._idle.append(name)
            else:
                self._drop(name)

    def close(self) -> None:
        """Drop all that are idle."""
        while self._idle:
            self._drop(self._idle.pop())

    def _copied(self) -> str:
        name = f"test_{uuid.uuid4().hex[:12]}"
        statement = sql.SQL("CREATE DATABASE {} TEMPLATE {}")
        self._do(statement.format(sql.Identifier(name), sql.Identifier(self._template)))
        return name

    def _drop(self, name: str) -> None:
        self._do(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(sql.Identifier(name)))

    def _do(self, statement: sql.Composed) -> None:
        with psycopg.connect(self._server, autocommit=True) as connection:
            connection.execute(statement)

    def _is_as_new(self, name: str) -> bool:
        """Empty a database; say whether it may be lent again."""
        try:
            with psycopg.connect(with_name(self._server, name)) as connection:
                connection.execute(ALONE)
                return self._has_its_shape(connection, name) and self._emptied_well(connection)
        except psycopg.Error:
            return False

    def _has_its_shape(self, connection: Server, name: str) -> bool:
        stamp = _one(connection, STAMP)
        if stamp == self._stamps.get(name, self._stamp):
            return True
        if _one(connection, SHAPE) != self._shape:
            return False
        self._stamps[name] = stamp
        return True

    def _emptied_well(self, connection: Server) -> bool:
        if self._has_grown(connection):
            return False
        if any(_content(connection, name) != content for name, content in self._kept.items()):
            return False
        connection.execute(self._emptying)
        return True

    def _has_grown(self, connection: Server) -> bool:
        size, at_first = _one(connection, SIZE), self._size_mib
        return not isinstance(size, int) or not isinstance(at_first, int) or size > at_first + MOST_GROWN_MIB


def _content(connection: Server, table: str) -> object:
    """Return a digest of all rows of a table, None if it has none."""
    statement = "SELECT md5(string_agg(one::text, ' ' ORDER BY one::text)) FROM public.{} AS one"
    return _one(connection, sql.SQL(statement).format(sql.Identifier(table)))


def _one(connection: Server, statement: LiteralString | sql.Composed) -> object:
    row = connection.execute(statement).fetchone()
    return None if row is None else row[0]
