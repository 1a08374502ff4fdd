"""The gate before Envoy: after an answer that leaves doubt, nothing is claimed until a probe was answered.

So an outage brings no more invites into doubt than were in flight when it began.  A probe is a read,
made by one thread of a process at a time, with the token of whichever connection comes first.  Where it
fails, that connection is held, and the next one asks: an answer clears the host, a second failure is an
outage and stored.  From then on one process at a time asks, when the stored time has come.
"""

import threading
from collections.abc import Callable
from typing import TypeAlias

import sqlalchemy as sa

from worker.connections.model import Host
from worker.connections.usable.holds import Holds
from worker.connections.usable.host_outage import Outages, is_resting
from worker.envoy.paging import NO_LIST
from worker.errors import EnvoyError, Misdirected, NotSent, OutcomeUnknown, RouteLost, TryLater
from worker.stopping import Wait

Token: TypeAlias = Callable[[], str]

PATIENCE_SECONDS = 60.0  # for another thread's probe
UNEXPECTED = "unexpected"  # a fault of ours, after which nobody knows what Envoy did
WITNESSES = 2  # so many connections must have failed, for one of them may be sick by itself
# What says nothing about the host: two changes met, our own lease was too short, our own bounds were met.
OF_THE_REQUEST = NO_LIST | {
    "http_409", "lease_over", "pool_exhausted", "client_closed", "stopping", UNEXPECTED,
}  # fmt: skip


class AskedNow(TryLater):
    """Another thread asks whether Envoy answers; look again in a moment."""


class Gate:
    """What the threads of a process know about Envoy's host; open costs one comparison."""

    def __init__(
        self,
        outages: Outages,
        holds: Holds,
        probe: Callable[[str], None],
        stop: threading.Event,
        *,
        patience_seconds: float = PATIENCE_SECONDS,
    ) -> None:
        """Take what asks Envoy with a token; a process that is to end declares no outage."""
        self._outages = outages
        self._holds = holds
        self._probe = probe
        self._stop = stop
        self._patience_seconds = patience_seconds
        self._asking = threading.Lock()
        self._counting = threading.Lock()
        self._doubts = 0
        self._disproved = 0  # so many of them
        self._failed: frozenset[int] = frozenset()  # whose probes failed since one was answered

    @property
    def host(self) -> str:
        """The host's name, as it is stored."""
        return self._outages.host

    @property
    def is_open(self) -> bool:
        """Whether nothing speaks against Envoy, as far as this process has heard."""
        return self._doubts == self._disproved

    def note(self, error: EnvoyError | None) -> None:
        """Take in how a request ended; call it before anything else is done about the answer."""
        if not speaks_against_the_host(error):
            return
        with self._counting:
            self._doubts += 1

    def require(self, connection_id: int, token: Token) -> None:
        """Return if nothing speaks against Envoy, or a probe was just answered.

        Raises:
            TryLater: the host is held, another process asks it now, or this connection may not ask.
            EnvoyError: the probe failed, or no token could be had for it.
        """
        if not self.is_open:
            self._settle(connection_id, token)

    def seen(self) -> Host:
        """Return how the host stands by what all processes have stored."""
        return self._outages.look()[0]

    def seen_in(self, reader: sa.Connection) -> Host:
        """Do the same in the caller's transaction."""
        return self._outages.look_in(reader)[0]

    def require_seen(
        self,
        host: Host,
        connection_id: int,
        token: Token,
        *,
        resumed: bool = False,
        suspect: bool = False,
        patience_seconds: float | None = None,
    ) -> None:
        """Do the same as `require`, and heed also how the host was seen to stand.

        *resumed*: a connection that was looked at since then is not held, so that it need not wait.
        *suspect*: Envoy did not answer this connection lately, so that it asks in any case.
        *patience_seconds* is for another thread's probe; then AskedNow is raised.
        """
        if host.hold_count or suspect or not self.is_open:
            outage = host.hold_count if resumed else None
            self._settle(
                connection_id, token, resumed=outage, suspect=suspect, patience_seconds=patience_seconds
            )

    def _settle(
        self,
        connection_id: int,
        token: Token,
        *,
        resumed: int | None = None,
        suspect: bool = False,
        patience_seconds: float | None = None,
    ) -> None:
        """Ask the host if it is time; *resumed* is the outage that need not be waited for."""
        patience = self._patience_seconds if patience_seconds is None else patience_seconds
        if not Wait(self._stop, patience).acquire(self._asking):
            raise AskedNow("another thread asks whether Envoy answers")
        try:
            doubts = self._doubts  # those that come in while we ask are not disproved by the answer
            host, now = self._outages.look()
            if is_resting(host, now) and host.hold_count != resumed:
                raise TryLater(f"{host.name} does not answer; it is asked again later")
            if host.hold_count or suspect or doubts != self._disproved:
                self._ask(host, connection_id, token)
            self._disproved = doubts
        finally:
            self._asking.release()

    def _ask(self, host: Host, connection_id: int, token: Token) -> None:
        if self._stop.is_set():
            raise TryLater("the worker is stopping")
        if self._holds.is_held(connection_id):
            # Its probe failed a moment ago, or would tell nothing new: another connection's decides.
            raise TryLater("this connection is held; another one asks whether Envoy answers")
        value = token()
        if host.hold_count and not self._outages.take_probe(host):
            raise TryLater(f"another process asks whether {host.name} answers")
        try:
            self._probe(value)
        except EnvoyError as error:
            if isinstance(error, NotSent) or speaks_against_the_host(error):
                self._unanswered(host, connection_id, error)
                raise
        self._failed = frozenset()
        if host.hold_count:
            self._outages.end(host)

    def _unanswered(self, host: Host, connection_id: int, error: EnvoyError) -> None:
        """Hold the connection alone, or the host where another connection's probe failed, too."""
        failed = self._failed | {connection_id}
        if self._stop.is_set() or not speaks_against_the_host(error):
            self._give_back(host)
        elif len(failed) >= WITNESSES or self._outages.is_alone(connection_id):
            self._failed = frozenset()
            self._outages.hold(host, error, failed=failed)
        else:
            self.note(error)  # the others do not go on either, before one of them was answered
            self._failed = failed
            self._holds.outage(connection_id, error)
            self._give_back(host)

    def _give_back(self, host: Host) -> None:
        if host.hold_count:
            self._outages.give_back(host)


def speaks_against_the_host(error: EnvoyError | None) -> bool:
    """Return whether a request ended as it would if the host were down; any real answer says it is not."""
    unproved = isinstance(error, OutcomeUnknown | NotSent | Misdirected | RouteLost)
    return unproved and getattr(error, "error_code", "") not in OF_THE_REQUEST
