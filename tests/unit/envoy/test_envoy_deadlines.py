"""Socket operations under a total deadline, on a stream of memory."""

import ssl
from collections.abc import Iterable, Sequence

import httpcore
import pytest

from worker.envoy.clock import boot_clock
from worker.envoy.deadlines import (
    WRITE_CHUNK,
    Deadline,
    DeadlineBackend,
    DeadlinePassed,
    DeadlineStream,
    addresses_of,
    clamp,
    current,
    deadline,
)


class Memory(httpcore.NetworkStream):
    """A stream that notes the timeout of each operation."""

    def __init__(self, *incoming: bytes) -> None:
        self.incoming = list(incoming)
        self.written: list[bytes] = []
        self.timeouts: list[float | None] = []

    def read(self, max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the next bytes."""
        assert max_bytes
        self.timeouts.append(timeout)
        return self.incoming.pop(0)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Keep the bytes."""
        self.timeouts.append(timeout)
        self.written.append(buffer)

    def close(self) -> None:
        """Nothing is open."""

    def start_tls(
        self, ssl_context: ssl.SSLContext, server_hostname: str | None = None, timeout: float | None = None
    ) -> "Memory":
        """Pretend to encrypt."""
        assert (type(ssl_context), server_hostname) == (ssl.SSLContext, "host")
        self.timeouts.append(timeout)
        return self

    def get_extra_info(self, info: str) -> str:
        """Tell what was asked."""
        return info


def test_a_timeout_is_cut_to_what_is_left() -> None:
    """The shorter of both decides."""
    with deadline(5.0):
        assert clamp(1.0) == 1.0
        assert 4.0 < (clamp(60.0) or 0.0) <= 5.0
        assert 4.0 < (clamp(None) or 0.0) <= 5.0


def test_without_a_deadline_timeouts_stay() -> None:
    """Connections are closed outside of any request."""
    assert clamp(60.0) == 60.0
    assert clamp(None) is None


def test_a_deadline_ends_with_its_block() -> None:
    """And an outer one counts again."""
    with deadline(5.0) as outer:
        with deadline(1.0):
            assert (clamp(None) or 0.0) <= 1.0
        assert current() is outer
    assert current() is None


def test_every_operation_is_clamped() -> None:
    """Reads, writes and the handshake alike."""
    memory = Memory(b"x")
    with deadline(5.0):
        stream = DeadlineStream(memory).start_tls(ssl.create_default_context(), "host", 60.0)
        stream.read(1, 60.0)
        stream.write(b"y", 60.0)

    assert len(memory.timeouts) == 3
    assert all(timeout is not None and timeout <= 5.0 for timeout in memory.timeouts)


def test_a_large_write_is_clamped_record_by_record() -> None:
    """A reader that takes a byte at a time cannot stretch it."""
    memory = Memory()
    buffer = bytes(2 * WRITE_CHUNK + 1)
    with deadline(5.0):
        DeadlineStream(memory).write(buffer)

    assert buffer == b"".join(memory.written)
    assert len(memory.timeouts) == 3


def test_nothing_is_written_after_the_deadline() -> None:
    """A process that was suspended before its write must not send late."""
    memory = Memory(b"x")
    with deadline(-1.0), pytest.raises(DeadlinePassed):
        DeadlineStream(memory).write(b"y", 60.0)

    assert memory.written == []


def test_a_deadline_is_over_to_the_second() -> None:
    """Neither before its end nor after it: a lease is reckoned with it."""
    now = 100.0
    end = Deadline(5.0, clock=lambda: now)

    now = 104.5
    left = end.remaining()
    now = 105.0
    with pytest.raises(DeadlinePassed):
        end.remaining()

    assert left == 0.5


class Network(httpcore.NetworkBackend):
    """A network backend that takes connections at some addresses only."""

    def __init__(self, *, alive: Sequence[str] = (), error: type[Exception] = httpcore.ConnectError) -> None:
        self.addresses: list[str] = []
        self.timeouts: list[float | None] = []
        self._alive = alive
        self._error = error

    def connect_tcp(
        self,
        host: str,
        port: int,
        timeout: float | None = None,
        local_address: str | None = None,
        socket_options: Iterable[httpcore.SOCKET_OPTION] | None = None,
    ) -> Memory:
        """Note the try, and refuse it where nobody listens."""
        assert (port, local_address, socket_options) == (80, None, None)
        self.addresses.append(host)
        self.timeouts.append(timeout)
        if host not in self._alive:
            raise self._error(host)
        return Memory()


DEAD_FIRST = ["::1", "192.0.2.1", "192.0.2.2"]


@pytest.mark.parametrize("error", [httpcore.ConnectError, httpcore.ConnectTimeout])
def test_each_address_of_a_name_is_tried_within_the_deadline(error: type[Exception]) -> None:
    """A dead IPv6 address does not hide a live IPv4 one, nor does it stretch the time."""
    network = Network(alive=["192.0.2.2"], error=error)
    with deadline(5.0):
        DeadlineBackend(network, resolve=lambda _host, _port: DEAD_FIRST).connect_tcp("envoy", 80, 60.0)

    assert network.addresses == DEAD_FIRST
    assert all(timeout is not None and timeout <= 5.0 for timeout in network.timeouts)


def test_a_name_of_dead_addresses_fails_as_the_last_one_did() -> None:
    """The library's own error goes up, for the library to understand."""
    with pytest.raises(httpcore.ConnectError, match=r"192\.0\.2\.2"):
        DeadlineBackend(Network(), resolve=lambda _host, _port: DEAD_FIRST).connect_tcp("envoy", 80)


def test_a_name_is_resolved_by_the_system() -> None:
    """A number is its own address."""
    assert addresses_of("127.0.0.1", 80) == ["127.0.0.1"]


def test_the_end_of_a_stream_is_noted() -> None:
    """So that a closed connection is told apart from a broken protocol."""
    stream = DeadlineStream(Memory(b"x", b""))
    with deadline(5.0) as end:
        stream.read(1)
        before = end.peer_closed
        stream.read(1)

    assert (before, end.peer_closed) == (False, True)


def test_details_come_from_the_wrapped_stream() -> None:
    """The pool asks whether an idle connection was closed."""
    assert DeadlineStream(Memory()).get_extra_info("is_readable") == "is_readable"


def test_the_boot_clock_never_runs_backwards() -> None:
    """It is not the wall clock."""
    first = boot_clock()

    assert boot_clock() >= first > 0
