"""PostgreSQL: how its connections are made, and for how long their statements wait for locks."""

import threading
from typing import Any

import sqlalchemy as sa

LOCK_TIMEOUT_MS = 3000  # of row locks: a caller's open transaction must not hang a sender
LOCK_TIMEOUT_MS_STOPPING = 500
NO_ENDLESS_WAITS = {"connect_timeout": 10, "keepalives_idle": 30, "tcp_user_timeout": 30_000}
CONNECT_SECONDS_STOPPING = 2  # the least that libpq knows


class PostgresqlServer:
    """How this process deals with one server."""

    def __init__(self, stop: threading.Event) -> None:
        """Take what tells that the process is to end: then nothing waits for long."""
        self._stop = stop

    def connecting(self, _dialect: Any, _record: Any, _arguments: Any, options: dict[str, Any]) -> None:  # noqa: ANN401 -- SQLAlchemy's own types
        """Shorten the wait for a server that does not answer."""
        if self._stop.is_set():
            options["connect_timeout"] = CONNECT_SECONDS_STOPPING

    def prepare(self, raw: Any, _record: Any) -> None:  # noqa: ANN401 -- the driver's own types
        """Make a new connection ready for use."""
        # By a statement, and not in the start-up packet, where a connection pooler would refuse it.
        raw.autocommit = True
        raw.execute(f"SET lock_timeout = {LOCK_TIMEOUT_MS}")
        raw.autocommit = False

    def begin(self, connection: sa.Connection) -> None:
        """Shorten the waits of a transaction that has just begun, for this transaction only."""
        if self._stop.is_set():
            connection.exec_driver_sql(f"SET LOCAL lock_timeout = {LOCK_TIMEOUT_MS_STOPPING}")
