"""The engine: how transactions begin, whose clock counts, and what a failure means."""

import json
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from datetime import datetime, timedelta
from functools import partial
from typing import TYPE_CHECKING

import sqlalchemy as sa
from sqlmodel import Session

from worker.database.failures import translated
from worker.database.postgresql.connecting import NO_ENDLESS_WAITS, PostgresqlServer
from worker.database.postgresql.hanging_up import Lines
from worker.database.postgresql.liveness import watch
from worker.database.sqlite.connecting import OUTSIDE, READ_ONLY, SqliteFile
from worker.database.sqlite.files import Access
from worker.database.troubles import Troubles
from worker.database.types import Timestamp, lenient_json
from worker.database.urls import normalise_url

if TYPE_CHECKING:
    from worker.database.postgresql.one_trip import Rows, Statement

CLOCK = "worker_clock"  # of an engine's connections, where it is not the database's own


def now_of(connection: sa.Connection) -> sa.ColumnElement[datetime]:
    """Return the expression for the time on any connection, a caller's own, too."""
    turned: Callable[[], sa.ColumnElement[datetime]] | None = connection.get_execution_options().get(CLOCK)
    return turned() if turned is not None else _now(is_sqlite=connection.dialect.name == "sqlite")


def _now(*, is_sqlite: bool) -> sa.ColumnElement[datetime]:
    if is_sqlite:
        return sa.type_coerce(sa.func.strftime("%Y-%m-%dT%H:%M:%fZ", "now"), Timestamp())
    # The transaction's start, and not clock_timestamp(), which an index cannot be searched by.
    return sa.type_coerce(sa.func.now(), Timestamp())


class Database:
    """One database, shared by all threads of a process.

    ``clock`` replaces the database's own clock, for tests of what time does.  Once ``stop`` is set, nothing
    waits for another program for long.  ``access`` says what it is opened for: to read leaves no trace,
    and only to create makes an SQLite file that is not there.
    """

    def __init__(
        self,
        url: str,
        *,
        access: Access = "create",
        file_mode: int = 0o600,
        pool_size: int = 8,
        clock: Callable[[], datetime] | None = None,
        stop: threading.Event | None = None,
    ) -> None:
        """Prepare the engine; nothing is connected yet."""
        self.url = normalise_url(url)
        self.is_sqlite = self.url.get_backend_name() == "sqlite"
        self.troubles = Troubles()
        self._clock = clock
        self._stop = stop or threading.Event()
        self._access = access
        self._file = SqliteFile(self.url, self._stop, access, file_mode) if self.is_sqlite else None
        self._server = PostgresqlServer(self._stop)
        self._lines: Lines | None = None
        # A method by itself would be taken for another server's: psycopg tells them apart by their code.
        of_server = partial(self._server.json_of)
        self.json_of: Callable[[object], str] = json.dumps if self.is_sqlite else of_server
        # How a file is read depends on what lies beside it by then.
        afresh = self.is_sqlite and access == "read"
        self.engine = sa.create_engine(
            self.url,
            **({"poolclass": sa.NullPool} if afresh else {"pool_size": pool_size, "max_overflow": 4}),
            hide_parameters=True,
            json_serializer=self.json_of,
            json_deserializer=lenient_json,
            connect_args={"timeout": self._file.moment} if self._file else NO_ENDLESS_WAITS,
            execution_options={CLOCK: self.now} if clock is not None else {},
        )
        if self._file is not None:
            self._file.listen(self.engine)
        else:
            self._server.listen(self.engine)
            self._lines = Lines(self.engine)  # before the watch, whose question may wait as well
            watch(self.engine)

    def now(self) -> sa.ColumnElement[datetime]:
        """Return the expression for the time that leases, holds and due times go by.

        It is evaluated at each execution, so that a statement can be built once and used often.
        """
        if self._clock is not None:
            return sa.bindparam(None, callable_=self._clock, type_=Timestamp(), unique=True)
        return _now(is_sqlite=self.is_sqlite)

    def later(self, seconds: float) -> sa.ColumnElement[datetime]:
        """Return the expression for the time so many seconds from now; before now if negative."""
        if (clock := self._clock) is not None:
            shift = timedelta(seconds=seconds)
            return sa.bindparam(None, callable_=lambda: clock() + shift, type_=Timestamp(), unique=True)
        if self.is_sqlite:
            offset = f"{seconds:+.3f} seconds"
            return sa.type_coerce(sa.func.strftime("%Y-%m-%dT%H:%M:%fZ", "now", offset), Timestamp())
        return sa.type_coerce(sa.func.now() + timedelta(seconds=seconds), Timestamp())

    def after(self, seconds: sa.ColumnElement[float]) -> sa.ColumnElement[datetime]:
        """Return the expression for the time so many seconds from now, each entry's own."""
        if not self.is_sqlite:
            span = seconds.op("*")(sa.literal_column("interval '1 second'"))
            return sa.type_coerce(self.now().op("+")(span), Timestamp())
        offset = sa.func.printf("%+.3f seconds", seconds)
        moment = "now" if self._clock is None else self.now()
        return sa.type_coerce(sa.func.strftime("%Y-%m-%dT%H:%M:%fZ", moment, offset), Timestamp())

    def read_now(self) -> datetime:
        """Return the time by that same clock."""
        with self.read() as connection:
            return connection.execute(sa.select(self.now())).scalar_one()

    @contextmanager
    def read(self) -> Iterator[sa.Connection]:
        """Give a connection that sees one state and never waits for a writer."""
        with translated(self.troubles), self.engine.connect() as raw:
            connection = raw.execution_options(**{READ_ONLY: True})
            with self._steady(raw), connection.begin():
                yield connection

    def require_same_file(self) -> None:
        """Return if SQLite's path still leads to the file that was opened; who writes is told anyway.

        Raises:
            DatabaseReplaced: it does not.
        """
        if self._file is not None:
            with self.read() as connection:
                self._file.opened.require(connection)

    @contextmanager
    def write(self) -> Iterator[sa.Connection]:
        """Give a connection in a transaction of its own, committed on leaving."""
        with translated(self.troubles), self._turn(), self.engine.connect() as connection:
            with connection.begin():
                yield connection
            if self._file is not None:  # what was committed to a file that is gone is as good as lost
                with suppress(sa.exc.OperationalError):  # the next who writes will know
                    self._file.opened.require(connection)
        self.troubles.wrote()

    def in_one_trip(self, calls: "Sequence[Statement]") -> "list[Rows] | None":
        """Execute PostgreSQL's statements as one transaction, in one round trip, and return their rows.

        None, and nothing was executed, where a pooler is in between.
        """
        with translated(self.troubles), self.engine.connect() as connection:
            rows = self._server.in_one_trip(connection, calls)
        if rows is not None:
            self.troubles.wrote()
        return rows

    @contextmanager
    def outside(self) -> Iterator[sa.Connection]:
        """Give a connection outside any transaction, for what SQLite does in none; for SQLite only."""
        assert self._file is not None  # noqa: S101 -- the caller has asked
        with translated(self.troubles), self._turn(), self.engine.connect() as raw:
            connection = raw.execution_options(**{OUTSIDE: True})
            with self._file.alone(connection):
                yield connection

    @contextmanager
    def session(self) -> Iterator[Session]:
        """Give an ORM session in a writing transaction, committed on leaving."""
        with self.write() as connection, Session(connection, expire_on_commit=False) as session:
            yield session
            session.flush()

    def _turn(self) -> AbstractContextManager[None]:
        if self._access == "read":
            raise RuntimeError("the database was opened for reading only")
        return nullcontext() if self._file is None else self._file.turn()

    def _steady(self, raw: sa.Connection) -> AbstractContextManager[None]:
        return nullcontext() if self._file is None else self._file.opening.steady(raw.info)

    def hang_up_when_late(self) -> None:
        """Give up connections whose server answers nobody; for a process that is to end."""
        if self._lines is not None:
            self._lines.hang_up_when_late()

    def dispose(self) -> None:
        """Close every connection."""
        self.engine.dispose()
        if self._file is not None:
            self._file.opened.forget()
