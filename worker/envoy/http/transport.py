"""One kept connection to Envoy: httpcore's HTTP/1.1 over a stream of ours.

Neither httpx's client nor httpcore's pool is above it: what both do for a request takes as long again
as the request itself, and the pool hands connections from thread to thread.
"""

import re
from collections.abc import Callable, Iterable, Iterator
from typing import TypeAlias

import httpcore

from worker.clock import boot_clock
from worker.envoy.http.exchange import Exchange
from worker.envoy.http.headers import AnswerHeaders
from worker.envoy.http.outgoing import Place
from worker.envoy.http.wire import Wire

# Common servers close a connection that was idle for five seconds.  A request that crosses their end
# of it on the way was perhaps executed: so no connection is used that was idle for nearly as long.
IDLE_SECONDS = 3.0
# What httpcore raises of itself; what the socket raises goes through it as it is.
FAILURES = (httpcore.ProtocolError, httpcore.ConnectionNotAvailable)
_ANNOUNCED = re.compile(r"(?:^|[,;\s])timeout\s*=\s*\"?(\d{1,9})", re.ASCII | re.IGNORECASE)

Open: TypeAlias = Callable[[Place, Exchange], Wire]
Speak: TypeAlias = Callable[[httpcore.Origin, httpcore.NetworkStream], httpcore.HTTP11Connection]


class Incoming:
    """An answer whose status and headers have come; its body comes by *chunks*, until it is closed."""

    def __init__(self, answer: httpcore.Response, ended: Callable[["Incoming"], None]) -> None:
        """Tell *ended* when it is closed."""
        self.status = answer.status
        self.headers = AnswerHeaders(answer.headers)
        assert isinstance(answer.stream, Iterable)  # noqa: S101 -- of a connection that is not asynchronous
        self._body = answer.stream
        self._close = answer.close
        self._ended = ended

    def chunks(self) -> Iterator[bytes]:
        """Return the body, piece by piece as it comes."""
        return iter(self._body)

    def close(self) -> None:
        """End the exchange; what has not come by now closes the connection."""
        self._close()
        self._ended(self)


class KeptConnection:
    """Room for one connection, for one thread at a time; *clock* counts suspension."""

    def __init__(
        self,
        opened: Open,
        *,
        clock: Callable[[], float] = boot_clock,
        speak: Speak = httpcore.HTTP11Connection,
    ) -> None:
        """Connect nothing yet."""
        self._opened = opened
        self._clock = clock
        self._speak = speak
        self._place: Place | None = None
        self._wire: Wire | None = None
        self._connection: httpcore.HTTP11Connection | None = None
        self._good_until = 0.0

    def begin(self, place: Place, request: httpcore.Request, exchange: Exchange) -> Incoming:
        """Send *request* over the kept connection, or a new one where that is not fit, and await an answer.

        httpcore's and the socket's exceptions go up as they are.
        """
        kept = self._kept(place, exchange)
        if kept is not None:
            answer = self._over(kept, request, exchange)
            if answer is not None:
                return answer
        answer = self._over(self._new(place, exchange), request, exchange)
        if answer is None:
            raise httpcore.RemoteProtocolError("an answer came before the request")
        return answer

    def close(self) -> None:
        """Close the connection."""
        if self._connection is not None:
            self._connection.close()
        self._connection = self._wire = self._place = None

    def _kept(self, place: Place, exchange: Exchange) -> httpcore.HTTP11Connection | None:
        """Return the kept connection if it leads to *place*, and neither side has given it up."""
        connection, wire = self._connection, self._wire
        if connection is None or wire is None or place != self._place or self._clock() > self._good_until:
            return None
        if not connection.is_idle() or connection.has_expired():
            return None
        wire.serve(exchange)
        return connection

    def _new(self, place: Place, exchange: Exchange) -> httpcore.HTTP11Connection:
        self.close()
        self._wire = self._opened(place, exchange)
        self._connection = self._speak(place.origin, self._wire)
        self._place = place
        return self._connection

    def _over(
        self, connection: httpcore.HTTP11Connection, request: httpcore.Request, exchange: Exchange
    ) -> Incoming | None:
        """Return the answer; None if nothing was sent, since something was there that answers nothing.

        It came together with the answer before it.
        """
        try:
            answer = connection.handle_request(request)
        except FAILURES:
            if exchange.sent:
                raise
            return None
        return Incoming(answer, self._now_idle) if exchange.sent else None

    def _now_idle(self, answer: Incoming) -> None:
        self._good_until = self._clock() + idle_seconds(answer.headers.get("Keep-Alive"))


def idle_seconds(announced: str | None) -> float:
    """Return for how long a connection may be idle; the server may have *announced* less (``Keep-Alive``)."""
    if not announced:
        return IDLE_SECONDS
    found = _ANNOUNCED.search(announced)
    if found is None:
        return IDLE_SECONDS
    return min(IDLE_SECONDS, max(0.0, int(found[1]) - 1.0))
