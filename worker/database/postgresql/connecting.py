"""PostgreSQL: how its connections are made, and how each transaction begins.

Nothing is ever set for a session: behind a pooler a connection to the server is ours for one transaction
only, and belongs to another application afterwards.  So each transaction says by itself what it needs,
along with its beginning and thus without a round trip more.
"""

import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any
from zoneinfo import ZoneInfo

import sqlalchemy as sa
from sqlalchemy import event

from worker.database.postgresql import texts
from worker.database.sqlite.connecting import READ_ONLY

if TYPE_CHECKING:
    from worker.database.postgresql.one_trip import Rows, Statement

LOCK_TIMEOUT_MS = 3000  # of row locks: a caller's open transaction must not hang a sender
LOCK_TIMEOUT_MS_STOPPING = 500
NO_ENDLESS_WAITS = {"connect_timeout": 10, "keepalives_idle": 30, "tcp_user_timeout": 30_000}
CONNECT_SECONDS_STOPPING = 2  # the least that libpq knows

# What is written is decided by the rows as they are, and conditions of the statements are what guards it.
_WRITING = "BEGIN ISOLATION LEVEL READ COMMITTED"
# One state, however many statements look at it; a reader of PostgreSQL's is never rolled back for that.
_READING = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY"
# An intent must survive the server's crash.  What waits for even more than `on` is not weakened.
_DURABLE = (
    "SELECT set_config('synchronous_commit', 'on', true)"
    " WHERE current_setting('synchronous_commit') <> 'remote_apply'"
)
_POOLED = "worker_pooled"
_READABLE = "worker_readable"


class PostgresqlServer:
    """How this process deals with one server."""

    def __init__(self, stop: threading.Event) -> None:
        """Take what tells that the process is to end: then nothing waits for long."""
        self._stop = stop
        self._encoding = texts.UTF8  # of the database

    def listen(self, engine: sa.Engine) -> None:
        """Have a hand in all that the engine does."""
        event.listen(engine, "do_connect", self.connecting)
        event.listen(engine, "connect", self.prepare)
        event.listen(engine, "begin", self.begin)
        event.listen(engine, "do_execute", self.execute)

    def connecting(self, dialect: Any, _record: Any, arguments: Any, options: dict[str, Any]) -> Any:  # noqa: ANN401 -- SQLAlchemy's own types
        """Connect; a server that does not answer is not waited for as long as usual once all ends."""
        from worker.database.postgresql.adapting import adapt

        if self._stop.is_set():
            options["connect_timeout"] = CONNECT_SECONDS_STOPPING
        raw = self._connected(dialect, arguments, options)
        if texts.encoding(raw) != self._encoding:
            self._encoding = texts.encoding(raw)
            raw.close()
            raw = self._connected(dialect, arguments, options)
        adapt(raw)
        return raw

    def _connected(self, dialect: Any, arguments: Any, options: dict[str, Any]) -> Any:  # noqa: ANN401
        # Said at the start of a connection, which a pooler understands.  A database without an encoding
        # would say no to each row that has bytes of another one.
        ours = texts.NO_ENCODING if self._encoding == texts.NO_ENCODING else texts.UTF8
        return dialect.connect(*arguments, **options, client_encoding=ours)

    def json_of(self, value: object) -> str:
        """Return JSON as the database takes it."""
        return texts.json_of(value, self._encoding)

    def prepare(self, raw: Any, record: Any) -> None:  # noqa: ANN401 -- the driver's own types
        """Make a new connection ready for use."""
        raw.autocommit = True  # the driver must not begin transactions behind our back
        # A pooler has made up the number of the process that it calls our server's.
        (pid,) = raw.execute("SELECT pg_backend_pid()").fetchone()
        record.info[_POOLED] = pid != raw.info.backend_pid
        if record.info[_POOLED]:
            raw.prepare_threshold = None  # the next transaction's server does not know what was prepared
        record.info[_READABLE] = _readable(raw)

    def begin(self, connection: sa.Connection) -> None:
        """Begin a transaction with all that it needs."""
        reading = connection.get_execution_options().get(READ_ONLY, False)
        connection.exec_driver_sql("; ".join(self._beginning(connection, reading=reading)))

    def _beginning(self, connection: sa.Connection, *, reading: bool) -> list[str]:
        lock_timeout = LOCK_TIMEOUT_MS_STOPPING if self._stop.is_set() else LOCK_TIMEOUT_MS
        durable = [] if reading else [_DURABLE]
        begin = _READING if reading else _WRITING
        return [begin, f"SET LOCAL lock_timeout = {lock_timeout}", *durable, *connection.info[_READABLE]]

    def in_one_trip(self, connection: sa.Connection, calls: "Sequence[Statement]") -> "list[Rows] | None":
        """Execute statements as one transaction in one round trip; None if a pooler is in between."""
        if is_pooled(connection):
            return None
        from worker.database.postgresql.one_trip import in_one_trip

        return in_one_trip(connection, self._beginning(connection, reading=False), calls)

    def execute(self, cursor: Any, statement: str, _parameters: Any, _context: Any) -> bool:  # noqa: ANN401 -- the driver's own types
        """Execute what begins a transaction, which is several statements and cannot be prepared."""
        if not statement.startswith((_WRITING, _READING)):
            return False
        cursor.execute(statement, prepare=False)
        return True


def _readable(raw: Any) -> list[str]:  # noqa: ANN401 -- the driver's own type
    """Return what a transaction must set so that the driver, which knows one form, can read times."""
    style = raw.info.parameter_status("DateStyle") or ""
    zone = raw.info.parameter_status("TimeZone") or ""
    iso = [] if style.startswith("ISO") else ["SET LOCAL DateStyle = 'ISO'"]
    return iso if _is_known(zone) else [*iso, "SET LOCAL TimeZone = 'UTC'"]


def _is_known(zone: str) -> bool:
    try:
        ZoneInfo(zone)
    except (KeyError, OSError, ValueError):  # as the module raises where there is no such zone
        return False
    return True


def is_pooled(connection: sa.Connection) -> bool:
    """Return whether a pooler stands between us and the server."""
    return bool(connection.info.get(_POOLED))
