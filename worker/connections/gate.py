"""The gate before Envoy: after an answer that leaves doubt, nothing is claimed until a probe was answered.

So an outage brings no more invites into doubt than were in flight when it began.  A probe is a read,
made by one thread of a process at a time; where it fails, the outage is stored, and from then on one
process at a time asks, when the stored time has come.
"""

import threading
from collections.abc import Callable
from typing import TypeAlias

from worker.connections.model import Host
from worker.connections.outages import Outages, is_resting
from worker.errors import EnvoyError, Misdirected, NotSent, OutcomeUnknown, TryLater

Token: TypeAlias = Callable[[], str]

PATIENCE_SECONDS = 60.0  # for another thread's probe
# What says nothing about the host: two changes met, our own lease was too short.
OF_THE_REQUEST = frozenset({"http_409", "lease_over"})


class Gate:
    """What the threads of a process know about Envoy's host; open costs one comparison."""

    def __init__(self, outages: Outages, probe: Callable[[str], None], stop: threading.Event) -> None:
        """Take what asks Envoy with a token; a process that is to end declares no outage."""
        self._outages = outages
        self._probe = probe
        self._stop = stop
        self._asking = threading.Lock()
        self._counting = threading.Lock()
        self._doubts = 0
        self._disproved = 0  # so many of them

    @property
    def host(self) -> str:
        """The host's name, as it is stored."""
        return self._outages.host

    def note(self, error: EnvoyError | None) -> None:
        """Take in how a request ended; call it before anything else is done about the answer."""
        if speaks_against_the_host(error):
            with self._counting:
                self._doubts += 1

    def require(self, token: Token) -> None:
        """Return if nothing speaks against Envoy, or a probe was just answered.

        Raises:
            TryLater: the host is held, or another process asks it now.
            EnvoyError: the probe failed, or no token could be had for it.
        """
        if self._doubts != self._disproved:
            self._settle(token, resumed=None)

    def seen(self) -> Host:
        """Return how the host stands by what all processes have stored."""
        return self._outages.look()[0]

    def require_seen(self, host: Host, token: Token, *, resumed: bool) -> None:
        """Do the same as `require`, and heed also how the host was seen to stand.

        *resumed*: a connection that was looked at since then is not held, so that it need not wait.
        """
        if host.hold_count or self._doubts != self._disproved:
            self._settle(token, resumed=host.hold_count if resumed else None)

    def _settle(self, token: Token, *, resumed: int | None) -> None:
        """Ask the host if it is time; *resumed* is the outage that need not be waited for."""
        if not self._asking.acquire(timeout=PATIENCE_SECONDS):
            raise TryLater("another thread asks whether Envoy answers")
        try:
            doubts = self._doubts  # those that come in while we ask are not disproved by the answer
            host, now = self._outages.look()
            if is_resting(host, now) and host.hold_count != resumed:
                raise TryLater(f"{host.name} does not answer; it is asked again later")
            if host.hold_count or doubts != self._disproved:
                self._ask(host, token())
            self._disproved = doubts
        finally:
            self._asking.release()

    def _ask(self, host: Host, token: str) -> None:
        if self._stop.is_set():
            raise TryLater("the worker is stopping")
        if host.hold_count and not self._outages.take_probe(host):
            raise TryLater(f"another process asks whether {host.name} answers")
        try:
            self._probe(token)
        except EnvoyError as error:
            if speaks_against_the_host(error):
                self._failed(host)
                raise
        if host.hold_count:
            self._outages.end(host)

    def _failed(self, host: Host) -> None:
        if not self._stop.is_set():
            self._outages.hold(host)
        elif host.hold_count:
            self._outages.give_back(host)


def speaks_against_the_host(error: EnvoyError | None) -> bool:
    """Say whether a request ended as it would if the host were down; any real answer says it is not."""
    unproved = isinstance(error, OutcomeUnknown | NotSent | Misdirected)
    return unproved and getattr(error, "error_code", "") not in OF_THE_REQUEST
