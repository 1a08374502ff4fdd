"""The engine: how transactions begin, whose clock counts, and what a failure means."""

import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from datetime import datetime, timedelta
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event
from sqlmodel import Session

from worker.database.failures import translated
from worker.database.files import database_path, prepare_file
from worker.database.liveness import watch
from worker.database.troubles import Troubles
from worker.database.types import Timestamp, lenient_json
from worker.errors import SettingsError

BUSY_TIMEOUT_SECONDS = 10
LOCK_TIMEOUT_MS = 3000  # of PostgreSQL's row locks: a caller's open transaction must not hang a sender
NO_ENDLESS_WAITS = {"connect_timeout": 10, "keepalives_idle": 30, "tcp_user_timeout": 30_000}
# What lies further ahead than it was ever put is a clock's fault; but a reader's transaction may have
# begun before the writer's, so that only what is much further ahead is taken for that.
SLACK_SECONDS = 60.0
READ_ONLY = "worker_read_only"
OUTSIDE = "worker_outside"


def normalise_url(url: str) -> sa.URL:
    """Return the URL as SQLAlchemy wants it; Heroku's ``postgres://`` is understood.

    Raises:
        SettingsError: it is no URL of SQLite or PostgreSQL.  The URL is not shown: it may hold a password.
    """
    for scheme in ("postgres://", "postgresql://"):
        if url.startswith(scheme):
            url = "postgresql+psycopg://" + url.removeprefix(scheme)
    try:
        parsed = sa.make_url(url)
        supported = parsed.get_backend_name() in {"sqlite", "postgresql"}
    except (sa.exc.ArgumentError, ValueError):  # ValueError: a port that is no number
        supported = False
    if not supported:
        raise SettingsError("database.url: must be an sqlite:/// or postgresql:// URL")
    return parsed


class Database:
    """One database, shared by all threads of a process.

    ``clock`` replaces the database's own clock, for tests of what time does.
    """

    def __init__(
        self,
        url: str,
        *,
        file_mode: int = 0o600,
        pool_size: int = 8,
        clock: Callable[[], datetime] | None = None,
    ) -> None:
        """Prepare the engine; nothing is connected yet."""
        self.url = normalise_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.troubles = Troubles()
        self._clock = clock
        # SQLite has one writer: threads of one process queue here, not in its busy handler's sleeps.
        self._writer: AbstractContextManager[Any] = threading.RLock() if self.is_sqlite else nullcontext()
        if self.is_sqlite:
            prepare_file(database_path(self.url), file_mode)
        self.engine = sa.create_engine(
            self.url,
            pool_size=pool_size,
            max_overflow=4,
            hide_parameters=True,
            json_deserializer=lenient_json,
            connect_args=_waits(self.url) if self.is_sqlite else NO_ENDLESS_WAITS,
        )
        if self.is_sqlite:
            event.listen(self.engine, "connect", _prepare_sqlite)
            event.listen(self.engine, "begin", _begin_sqlite)
        else:
            event.listen(self.engine, "connect", _prepare_postgresql)
            watch(self.engine)

    def now(self) -> sa.ColumnElement[datetime]:
        """Return the expression for the time that leases, holds and due times go by.

        It is evaluated at each execution, so that a statement can be built once and used often.
        """
        if self._clock is not None:
            return sa.bindparam(None, callable_=self._clock, type_=Timestamp(), unique=True)
        if self.is_sqlite:
            return sa.type_coerce(sa.func.strftime("%Y-%m-%dT%H:%M:%fZ", "now"), Timestamp())
        # The transaction's start, and not clock_timestamp(), which an index cannot be searched by.
        return sa.type_coerce(sa.func.now(), Timestamp())

    def later(self, seconds: float) -> sa.ColumnElement[datetime]:
        """Return the expression for the time so many seconds from now; before now if negative."""
        if (clock := self._clock) is not None:
            shift = timedelta(seconds=seconds)
            return sa.bindparam(None, callable_=lambda: clock() + shift, type_=Timestamp(), unique=True)
        if self.is_sqlite:
            offset = f"{seconds:+.3f} seconds"
            return sa.type_coerce(sa.func.strftime("%Y-%m-%dT%H:%M:%fZ", "now", offset), Timestamp())
        return sa.type_coerce(sa.func.now() + timedelta(seconds=seconds), Timestamp())

    def read_now(self) -> datetime:
        """Return the time by that same clock."""
        with self.read() as connection:
            return connection.execute(sa.select(self.now())).scalar_one()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection that sees one state and never waits for a writer."""
        with translated(self.troubles), self.engine.connect() as raw:
            connection = raw.execution_options(**{READ_ONLY: True})
            with connection.begin():
                yield connection

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a connection in a transaction of its own, committed on leaving."""
        with translated(self.troubles), self._writer, self.engine.connect() as connection, connection.begin():
            yield connection
        self.troubles.wrote()

    @contextmanager
    def single(self) -> Iterator[sa.Connection]:
        """Give a connection for one statement, which is its own transaction; for PostgreSQL only.

        It saves the two round trips of BEGIN and COMMIT.
        """
        with translated(self.troubles), self.engine.connect() as raw:
            yield raw.execution_options(isolation_level="AUTOCOMMIT")
        self.troubles.wrote()

    @contextmanager
    def outside(self) -> Iterator[sa.Connection]:
        """Give a connection outside any transaction, for what SQLite does in none; for SQLite only."""
        with translated(self.troubles), self._writer, self.engine.connect() as raw:
            yield raw.execution_options(**{OUTSIDE: True})

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Give an ORM session in a writing transaction, committed on leaving."""
        with self.write() as connection, Session(connection, expire_on_commit=False) as session:
            yield session
            session.flush()

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()


def _waits(url: sa.URL) -> dict[str, float]:
    """Return how long SQLite waits for another writer, unless the URL says it: ``?timeout=2``."""
    return {} if "timeout" in url.query else {"timeout": BUSY_TIMEOUT_SECONDS}


def _prepare_postgresql(raw: Any, _record: Any) -> None:  # noqa: ANN401 -- the driver's own types
    # By a statement, and not in the start-up packet, where a connection pooler would refuse it.
    raw.autocommit = True
    raw.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
    raw.autocommit = False


def _prepare_sqlite(raw: Any, _record: Any) -> None:  # noqa: ANN401 -- the driver's own types
    raw.isolation_level = None  # the driver must not begin transactions behind our back
    # A caller may have written Latin-1 bytes: one such row must not keep all others from being read.
    raw.text_factory = _decode
    if raw.execute("PRAGMA page_count").fetchone() == (0,):
        raw.execute("PRAGMA auto_vacuum = INCREMENTAL")  # counts only before the first page is written
    for pragma in (
        "journal_mode = WAL",
        "synchronous = FULL",  # an intent must survive a power cut
        "foreign_keys = ON",
        "secure_delete = ON",
        "cache_size = -512",  # KiB for each of a dozen connections; the system caches the file anyway
    ):
        raw.execute(f"PRAGMA {pragma}")


def _decode(text: bytes) -> str:
    return text.decode("utf-8", "replace")


def _begin_sqlite(connection: sa.Connection) -> None:
    options = connection.get_execution_options()
    if options.get(OUTSIDE, False):
        return
    read_only = options.get(READ_ONLY, False)
    connection.exec_driver_sql("BEGIN DEFERRED" if read_only else "BEGIN IMMEDIATE")
