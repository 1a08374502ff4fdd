"""Socket operations under a total deadline, on a stream of memory."""

import socket
import ssl
from collections.abc import Iterable

import pytest

from worker.envoy.clock import boot_clock
from worker.envoy.deadlines import (
    WRITE_CHUNK,
    DeadlineBackend,
    DeadlinePassed,
    DeadlineStream,
    clamp,
    current,
    deadline,
)


class Memory:
    """A stream that notes the timeout of each operation."""

    def __init__(self, *incoming: bytes) -> None:
        self.incoming = list(incoming)
        self.written: list[bytes] = []
        self.timeouts: list[float | None] = []

    def read(self, _max_bytes: int, timeout: float | None = None) -> bytes:
        """Return the next bytes."""
        self.timeouts.append(timeout)
        return self.incoming.pop(0)

    def write(self, buffer: bytes, timeout: float | None = None) -> None:
        """Keep the bytes."""
        self.timeouts.append(timeout)
        self.written.append(buffer)

    def close(self) -> None:
        """Nothing is open."""

    def start_tls(
        self, _context: ssl.SSLContext, _hostname: str | None = None, timeout: float | None = None
    ) -> "Memory":
        """Pretend to encrypt."""
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


class Network:
    """A network backend that lets no connection through until the last one asked for."""

    def __init__(self, *, refusals: int) -> None:
        self.addresses: list[str] = []
        self.timeouts: list[float | None] = []
        self._refusals = refusals

    def connect_tcp(
        self,
        host: str,
        _port: int,
        timeout: float | None = None,
        _local_address: str | None = None,
        _options: Iterable[object] | None = None,
    ) -> Memory:
        """Note the try, and refuse it as often as planned."""
        self.addresses.append(host)
        self.timeouts.append(timeout)
        if len(self.addresses) <= self._refusals:
            raise LookupError(host)
        return Memory()


def test_each_address_of_a_name_is_tried_within_the_deadline() -> None:
    """A dead IPv6 address does not hide a live IPv4 one, nor does it stretch the time."""
    known = [str(entry[4][0]) for entry in socket.getaddrinfo("localhost", 80, type=socket.SOCK_STREAM)]
    network = Network(refusals=len(known) - 1)
    with deadline(5.0):
        DeadlineBackend(network, failures=(LookupError,)).connect_tcp("localhost", 80, 60.0)

    assert network.addresses == known
    assert all(timeout is not None and timeout <= 5.0 for timeout in network.timeouts)


def test_a_name_of_dead_addresses_fails_as_the_last_one_did() -> None:
    """The library's own error goes up, for the library to understand."""
    network = Network(refusals=99)

    with pytest.raises(LookupError, match="127"):
        DeadlineBackend(network, failures=(LookupError,)).connect_tcp("127.0.0.1", 80)


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
