"""The composition root: settings and secrets in, working parts out; everything else receives them."""

import contextlib
import threading
from collections.abc import Mapping
from functools import cached_property
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Self
from urllib.parse import urlsplit

from worker import __version__
from worker.allocator import give_large_blocks_back
from worker.database import Access, Database
from worker.database.failures import DATABASE_ERRORS
from worker.database.owner import this_process
from worker.database.schema import require_fit
from worker.database.sqlite.files import database_path
from worker.database.sqlite.mark import clear, is_marked, unsaid
from worker.errors import SettingsError, WorkerError
from worker.settings import Secrets, Settings, load_settings
from worker.settings import secrets as names
from worker.settings.model import DRAWERS, PROVERS, REFRESHERS

if TYPE_CHECKING:
    from worker.arrivals import Arrivals
    from worker.clock import WallClock
    from worker.connections.tokens.access import Tokens
    from worker.connections.usable.gate import Gate
    from worker.connections.usable.holds import Holds
    from worker.connections.vault import Vault
    from worker.connections.witness import Witness
    from worker.delivery.recovery.missing import Healing
    from worker.delivery.store.journal import Journal
    from worker.envoy.api import EnvoyApi
    from worker.envoy.http.client import HttpClient
    from worker.envoy.http.late import LateHttp
    from worker.envoy.oauth import OAuth
    from worker.envoy.server_clock import ServerClock

JOB_THREADS = 4
JOURNAL_TELLER_LISTENER = 3
MOST_TROUBLED = 8
MOST_READERS = 6  # of directories at once: 10,000 customers at 200 ms a list take 11 minutes


class Context:
    """The parts of one process, each made when it is first asked for.

    So a command asks only for the settings and secrets that it uses, and loads no module of other parts.
    """

    def __init__(
        self, settings: Settings, secrets: Secrets, env: Mapping[str, str], *, access: Access = "write"
    ) -> None:
        """Make nothing yet; *access* is what the database is opened for."""
        self.settings = settings
        self.secrets = secrets
        self.stop = threading.Event()
        self.ended_by: WorkerError | None = None
        self._env = env
        self._access = access

    @classmethod
    def from_environment(cls, env: Mapping[str, str], *, access: Access = "write") -> Self:
        """Read the settings of *env*."""
        give_large_blocks_back()
        return cls(load_settings(env), Secrets(env), env, access=access)

    def __enter__(self) -> Self:
        """Give the parts."""
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Close what was opened, after the refreshes in flight; what is not stored gets a last chance."""
        tokens: Tokens | None = self.__dict__.get("tokens")
        if tokens is not None:
            with contextlib.suppress(*DATABASE_ERRORS):  # told when it happened
                tokens.close()
        journal: Journal | None = self.__dict__.get("journal")
        if journal is not None:
            journal.close()
        http: HttpClient | None = self.__dict__.get("http")
        if http is not None:
            http.close()
        database: Database | None = self.__dict__.get("any_database")
        if database is not None:
            database.dispose()

    def end(self) -> None:
        """Let nothing new be begun, and nothing wait for long; what is in flight ends."""
        self.stop.set()
        if isinstance(opened := self.__dict__.get("any_database"), Database):
            opened.hang_up_when_late()

    def end_for(self, error: WorkerError) -> None:
        """End as on a signal, for what no later run will find repaired; the first such error counts."""
        self.ended_by = self.ended_by or error
        self.end()

    @cached_property
    def database(self) -> Database:
        """The database, on a schema that this release can run on.

        Raises:
            DatabaseRestored: it is to be written to, and nobody has said yet that it comes from a backup.
        """
        if self._access == "write" and self.any_database.is_sqlite:
            if self.marked_file is not None:
                raise unsaid(self.marked_file)
            clear(database_path(self.any_database.url))
        require_fit(self.any_database)
        return self.any_database

    @property
    def marked_file(self) -> Path | None:
        """The SQLite file, where it took the place of another and nobody has said yet that it may."""
        path = database_path(self.any_database.url) if self.any_database.is_sqlite else None
        return path if path is not None and is_marked(path) else None

    @cached_property
    def any_database(self) -> Database:
        """The database, whatever its schema."""
        url = self.secrets.find(names.DATABASE_URL) or self.settings.database.url
        ephemeral = "DYNO" in self._env and not self.settings.database.allow_ephemeral_disk
        if url.startswith("sqlite") and ephemeral:
            raise SettingsError(
                "database.url: SQLite on a dyno loses every invite and token at its daily restart",
                hint="attach PostgreSQL (DATABASE_URL), or set database.allow_ephemeral_disk = true",
            )
        return Database(
            url,
            access=self._access,
            file_mode=int(self.settings.database.file_mode, 8),
            pool_size=self._most_statements,
            stop=self.stop,
        )

    @property
    def _most_requests(self) -> int:
        """How many threads may have a request on its way at once: of all stages, and of the jobs."""
        push = self.settings.push
        return push.concurrency + self._others

    @property
    def _most_statements(self) -> int:
        """How many threads may be at the database at once; of the senders only those that met a trouble."""
        push = self.settings.push
        return self._others + JOURNAL_TELLER_LISTENER + min(push.concurrency, MOST_TROUBLED)

    @property
    def _others(self) -> int:
        """How many threads there may be beside the senders."""
        push = self.settings.push
        beside_stages = DRAWERS + PROVERS + REFRESHERS + MOST_READERS + JOB_THREADS
        return push.preparers + push.lookers + beside_stages

    @cached_property
    def vault(self) -> "Vault":
        """The key ring that tokens are sealed with."""
        from worker.connections.vault import Vault

        return Vault(self.secrets.get(names.ENCRYPTION_KEYS))

    @cached_property
    def http(self) -> "HttpClient":
        """The one HTTP client, shared by all threads."""
        from worker.envoy.http.client import HttpClient

        return HttpClient(
            max_connections=self._most_requests,
            user_agent=f"envoy-invite-worker/{__version__}",
        )

    @cached_property
    def _late_http(self) -> "LateHttp":
        from worker.envoy.http.late import LateHttp

        return LateHttp(lambda: self.http)

    @cached_property
    def envoy_clock(self) -> "ServerClock":
        """What time it is at Envoy."""
        from worker.envoy.server_clock import ServerClock

        return ServerClock()

    @cached_property
    def witness(self) -> "Witness":
        """Whether Envoy's clock confirms the database's."""
        from worker.connections.witness import Witness

        return Witness(self.database, self._envoy_host, self.envoy_clock)

    @cached_property
    def oauth(self) -> "OAuth":
        """Envoy's OAuth2 endpoints, with our client's credentials."""
        from worker.envoy.oauth import ClientCredentials, OAuth

        credentials = ClientCredentials(
            self.secrets.get(names.CLIENT_ID), self.secrets.get(names.CLIENT_SECRET)
        )
        return OAuth(
            self._late_http,
            credentials,
            authorize_url=self.settings.envoy.authorize_url,
            token_url=self.settings.envoy.token_url,
            stop=self.stop,
        )

    @cached_property
    def api(self) -> "EnvoyApi":
        """Envoy's API."""
        from worker.envoy.api import EnvoyApi

        return EnvoyApi(
            self._late_http,
            self.settings.envoy.api_url,
            request_timeout_seconds=self.settings.push.request_timeout_seconds,
            stop=self.stop,
            clock=self.envoy_clock,
        )

    @cached_property
    def tokens(self) -> "Tokens":
        """The one refresher."""
        from worker.connections.tokens.access import Tokens

        return Tokens(self.database, self.vault, self.oauth, owner=this_process(), stop=self.stop)

    @cached_property
    def holds(self) -> "Holds":
        """What connections are held for, and their pace."""
        from worker.connections.usable.holds import Holds

        return Holds(
            self.database,
            hold_seconds=self.settings.push.hold_seconds,
            rate_per_second=self.settings.push.rate_per_second,
        )

    @cached_property
    def journal(self) -> "Journal":
        """The one writer of claims and verdicts."""
        from worker.delivery.store.journal import Journal

        # Nothing is claimed while more verdicts wait than there are senders: so that these, and what is in
        # flight, are twice as many at most, and one customer's locked rows do not keep the others.
        return Journal(self.database, most_aside=self.settings.push.concurrency + 1, stop=self.stop)

    @cached_property
    def healing(self) -> "Healing":
        """What gives invites the deliveries that they lack."""
        from worker.clock import boot_clock
        from worker.delivery.recovery.missing import Healing

        return Healing(self.database, self.stop, boot_clock)

    @cached_property
    def arrivals(self) -> "Arrivals":
        """What notices that callers have written; nothing does before a service starts it."""
        from worker.arrivals import Arrivals

        return Arrivals(self.database, notify=self.settings.push.notify, stop=self.stop)

    @property
    def _envoy_host(self) -> str:
        return urlsplit(self.settings.envoy.api_url).netloc

    @cached_property
    def wall_clock(self) -> "WallClock":
        """What notices that this host's clock is set, from the time on when it is first asked for."""
        from worker.clock import WallClock

        return WallClock()

    @cached_property
    def gate(self) -> "Gate":
        """What keeps invites back while Envoy's host does not answer."""
        from worker.connections.usable.gate import Gate
        from worker.connections.usable.host_outage import Outages

        outages = Outages(
            self.database,
            self._envoy_host,
            hold_seconds=self.settings.push.hold_seconds,
            rate_per_second=self.settings.push.rate_per_second,
        )
        return Gate(outages, self.holds, self.api.probe, self.stop)
