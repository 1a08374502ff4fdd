"""The URL of the database, as the many libraries that have one write it."""

import re
from collections.abc import Iterator, Mapping
from typing import TypeAlias
from urllib.parse import unquote

import sqlalchemy as sa

from worker.errors import SettingsError

Value: TypeAlias = str | tuple[str, ...]

POSTGRESQL = "postgresql+psycopg"
SCHEMES = {
    "postgres": POSTGRESQL,
    "postgresql": POSTGRESQL,
    "postgis": POSTGRESQL,
    "pgsql": POSTGRESQL,
    "sqlite": "sqlite",
    "sqlite3": "sqlite",
}
# Another driver of SQLite may stand for another kind of file, an encrypted one; one of PostgreSQL stands
# for the same server always.
SQLITE_DRIVERS = frozenset({None, "pysqlite", "aiosqlite"})
SQLITE_OPTIONS = frozenset({"timeout"})
# Of libpq's own words those that are not the operator's: an encoding is ours to set, and a replication's
# connection runs no transactions.
NOT_OPERATORS = frozenset({"client_encoding", "replication"})
# What tunes the pool or the prepared statements of another library says nothing about the database.
TUNING = frozenset({
    "advisory_locks", "async", "async_fallback", "atomic_requests", "autosave", "binary_parameters",
    "cache_size", "cached_statements", "charset", "check_same_thread", "checkout_timeout",
    "client_encoding", "command_timeout", "conn_health_checks", "conn_max_age", "connection_limit",
    "default_query_exec_mode", "description_cache_capacity", "detect_types",
    "disable_server_side_cursors", "encoding", "idle_timeout", "isolation_level", "max_overflow",
    "pgbouncer", "pool", "pool_max_conn_idle_time", "pool_max_conn_lifetime", "pool_max_conns",
    "pool_min_conns", "pool_mode", "pool_pre_ping", "pool_recycle", "pool_size", "pool_timeout",
    "prepare_threshold", "prepared_statement_cache_size", "prepared_statements", "preparethreshold",
    "reaping_frequency", "retries", "rewritebatchedinserts", "single_use_connections", "socket_timeout",
    "statement_cache_capacity", "statement_cache_size", "statement_limit", "supa", "uselibpqcompat",
    "workaround",
})  # fmt: skip
# Another library's names of libpq's options.
RENAMED = {"applicationname": "application_name"}
SSL_MODES = {"true": "require", "1": "require", "false": "disable", "0": "disable"}
MORE_SSL_MODES = frozenset({"allow", "prefer", "verify-ca", "verify-full"})  # as asyncpg has them
SCHEMA = frozenset({"schema", "currentschema", "schema_search_path", "search_path"})
A_HOST = re.compile(r"\[?([^][:,@]+|(?<=\[)[0-9A-Fa-f:.]+(?=\]))\]?(?::(\d+))?")
A_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_-]{0,40}")


def normalise_url(url: str) -> sa.URL:
    """Return the URL as SQLAlchemy wants it; other libraries' schemes, drivers and options are understood.

    Raises:
        SettingsError: it is no URL of SQLite or PostgreSQL, or has an option that nobody knows.  Nothing of
            the URL but that option's name is shown: it may hold a password.
    """
    scheme, _, rest = url.partition("://")
    name, _, driver = scheme.partition("+")
    drivername = SCHEMES.get(name)
    if drivername is None or (drivername == "sqlite" and (driver or None) not in SQLITE_DRIVERS):
        raise _no_url()
    if drivername == "sqlite":
        return _sqlite(_parsed("sqlite", rest))
    return _postgresql(_several_hosts(rest) or _parsed(POSTGRESQL, rest))


def _parsed(drivername: str, rest: str) -> sa.URL | None:
    try:
        return sa.make_url(f"{drivername}://{rest}")
    except (sa.exc.ArgumentError, ValueError):  # ValueError: a port that is no number
        return None


def _sqlite(parsed: sa.URL | None) -> sa.URL:
    if parsed is None or parsed.host is not None:
        raise SettingsError(
            "database.url: an SQLite database must be a plain file, as in sqlite:///worker.db",
            hint="three slashes, and a fourth before an absolute path",
        )
    unknown = [key for key in parsed.query if key not in SQLITE_OPTIONS and key.lower() not in TUNING]
    if unknown:
        raise _unknown(unknown[0])
    return parsed.set(query={key: value for key, value in parsed.query.items() if key in SQLITE_OPTIONS})


def _postgresql(parsed: sa.URL | None) -> sa.URL:
    if parsed is None or "@" in (parsed.host or ""):
        raise _no_url(hint="in a user's name or a password write @ as %40, : as %3A, / as %2F and % as %25")
    if "%" in (parsed.host or ""):  # a socket's folder, as libpq has it
        parsed = parsed.set(host=unquote(parsed.host or ""))
    return parsed.set(query=dict(_libpq_options(parsed.query)))


def _libpq_options(query: Mapping[str, Value]) -> Iterator[tuple[str, Value]]:
    """Yield what libpq is to know.

    Raises:
        SettingsError: an option that is nobody's, or that would change what is written where.
    """
    from psycopg import pq  # only here: a worker on SQLite never loads the driver

    known = {option.keyword.decode() for option in pq.Conninfo.get_defaults()} - NOT_OPERATORS
    for key, value in query.items():
        name = RENAMED.get(key.lower(), key)
        if name in known:
            yield name, value
        elif name == "ssl":
            if "sslmode" not in query:
                yield "sslmode", _ssl_mode(value)
        elif name.lower() in SCHEMA:
            _require_public(name, value)
        elif name.lower() not in TUNING:
            raise _unknown(key)


def _ssl_mode(value: Value) -> str:
    mode = SSL_MODES.get(str(value).lower(), str(value).lower())
    if mode not in SSL_MODES.values() and mode not in MORE_SSL_MODES:
        raise SettingsError(
            "database.url: ssl must be true or false", hint="or write sslmode=..., which says more"
        )
    return mode


def _require_public(name: str, value: Value) -> None:
    """Let pass what says where tables are by default; a session of a pooler can hold nothing else."""
    if value != "public":
        raise SettingsError(
            f"database.url: {name} can only be public",
            hint="give the role another one: ALTER ROLE name SET search_path = schema",
        )


def _several_hosts(rest: str) -> sa.URL | None:
    """Return the URL with its hosts as options, which is how SQLAlchemy knows several; None for one."""
    authority, slash, tail = rest.partition("/")
    user, at, hosts = authority.rpartition("@")
    found = [A_HOST.fullmatch(host) for host in hosts.split(",")]
    if len(found) < 2 or None in found:  # noqa: PLR2004 -- several
        return None
    parts = [match.groups(default="") for match in found if match]
    parsed = _parsed(POSTGRESQL, f"{user}{at}{slash}{tail}")
    return parsed and parsed.update_query_dict(
        {"host": ",".join(host for host, _ in parts), "port": ",".join(port for _, port in parts)}
    )


def _no_url(hint: str = "") -> SettingsError:
    return SettingsError("database.url: must be an sqlite:/// or postgresql:// URL", hint=hint)


def _unknown(option: str) -> SettingsError:
    shown = option if A_NAME.fullmatch(option) else "with a name that is no word"
    return SettingsError(
        f"database.url: the option {shown} is not known",
        hint="PostgreSQL knows those of libpq (sslmode, application_name, ...), SQLite only timeout",
    )
