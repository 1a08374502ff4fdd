"""The stream of a connection: written in one piece, read within the deadline, asked before the first byte."""

import socket
from collections.abc import Iterator
from contextlib import suppress

import pytest

from worker.envoy.http.deadlines import Deadline, DeadlinePassed
from worker.envoy.http.exchange import Exchange
from worker.envoy.http.wire import Wire


@pytest.fixture
def ends() -> Iterator[tuple[socket.socket, socket.socket]]:
    """Give both ends of a connection."""
    ours, peer = socket.socketpair()
    with ours, peer:
        peer.settimeout(5)
        yield ours, peer


def test_what_is_written_goes_out_as_one_piece_when_an_answer_is_asked_for(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """Headers and body are one call to the system."""
    ours, peer = ends
    exchange = Exchange(Deadline(5))
    wire = Wire(ours, exchange)
    wire.write(b"head")
    wire.write(b"")
    wire.write(b"body")
    unsent = exchange.sent
    peer.sendall(b"answer")

    assert (wire.read(100), peer.recv(100)) == (b"answer", b"headbody")
    assert (unsent, exchange.sent, exchange.heard, exchange.peer_closed) == (False, True, True, False)


def test_the_last_question_is_asked_once_for_a_request(ends: tuple[socket.socket, socket.socket]) -> None:
    """And by the exchange that is on its way, not by the one before."""
    ours, peer = ends
    asked: list[int] = []
    wire = Wire(ours, Exchange(Deadline(5), lambda: asked.append(1)))
    peer.sendall(b"two")
    wire.write(b"x")
    wire.read(1)
    wire.read(1)
    wire.serve(Exchange(Deadline(5), lambda: asked.append(2)))
    wire.write(b"y")
    wire.read(1)

    assert asked == [1, 2]


def test_nothing_is_written_after_the_deadline(ends: tuple[socket.socket, socket.socket]) -> None:
    """A process that was suspended before its write must not send late."""
    ours, peer = ends
    exchange = Exchange(Deadline(-1))
    wire = Wire(ours, exchange)
    wire.write(b"late")
    with pytest.raises(DeadlinePassed):
        wire.read(1)
    wire.close()

    assert (peer.recv(100), exchange.sent) == (b"", False)


def test_a_write_that_was_not_begun_is_not_made_up_for(ends: tuple[socket.socket, socket.socket]) -> None:
    """What a veto has kept back is gone: a later read must not send it."""
    ours, peer = ends
    veto = LookupError()

    def refuse() -> None:
        raise veto

    exchange = Exchange(Deadline(5), refuse)
    wire = Wire(ours, exchange)
    wire.write(b"never")
    with pytest.raises(LookupError):
        wire.read(1)
    wire.serve(Exchange(Deadline(0.01)))
    with pytest.raises(DeadlinePassed):
        wire.read(1)
    wire.close()

    assert (peer.recv(100), exchange.veto is veto, exchange.sent) == (b"", True, False)


def test_an_answer_is_read_although_its_request_was_not_taken_whole(
    ends: tuple[socket.socket, socket.socket],
) -> None:
    """A server may refuse a request by its headers, and hang up."""
    ours, peer = ends
    wire = Wire(ours, Exchange(Deadline(5)))
    peer.sendall(b"413")
    peer.close()
    wire.write(b"x" * 10_000_000)

    assert wire.read(100) == b"413"


def test_the_end_of_a_stream_is_noted(ends: tuple[socket.socket, socket.socket]) -> None:
    """So that a closed connection is told apart from a broken protocol."""
    ours, peer = ends
    exchange = Exchange(Deadline(5))
    wire = Wire(ours, exchange)
    peer.sendall(b"x")
    peer.close()
    wire.read(1)
    before = exchange.peer_closed
    wire.read(1)

    assert (before, exchange.peer_closed) == (False, True)


def test_a_large_request_goes_out_as_its_peer_reads_it(ends: tuple[socket.socket, socket.socket]) -> None:
    """More than the buffers of the system hold."""
    ours, peer = ends
    wire = Wire(ours, Exchange(Deadline(0.5)))
    ours.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 4096)
    wire.write(b"x" * 1_000_000)
    with suppress(DeadlinePassed):
        wire.read(1)
    wire.close()
    arrived = 0
    while data := peer.recv(65_536):
        arrived += len(data)

    assert 0 < arrived < 1_000_000


def test_what_came_unasked_is_seen(ends: tuple[socket.socket, socket.socket]) -> None:
    """An idle connection that has something to read is at its end."""
    ours, peer = ends
    wire = Wire(ours, Exchange(Deadline(5)))
    before = wire.get_extra_info("is_readable")
    peer.close()

    assert (before, wire.get_extra_info("is_readable")) == (False, True)
    assert wire.get_extra_info("socket") is None
