"""Deadlines, and connections that are opened under one."""

import socket
from collections.abc import Iterator, Sequence

import pytest

from worker.clock import boot_clock
from worker.envoy.http.connecting import addresses_of, connect
from worker.envoy.http.deadlines import Deadline, DeadlinePassed


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


class Network:
    """Addresses of which some take connections."""

    def __init__(self, *, alive: Sequence[str] = (), error: type[OSError] = ConnectionRefusedError) -> None:
        self.addresses: list[str] = []
        self.seconds: list[float] = []
        self.opened: list[socket.socket] = []
        self._alive = alive
        self._error = error

    def dial(self, address: tuple[str, int], seconds: float) -> socket.socket:
        """Note the try, and refuse it where nobody listens."""
        self.addresses.append(address[0])
        self.seconds.append(seconds)
        if address[0] not in self._alive:
            raise self._error(address[0])
        self.opened.append(socket.socket())
        return self.opened[0]


DEAD_FIRST = ["::1", "192.0.2.1", "192.0.2.2"]


def dead_first(_host: str, _port: int) -> list[str]:
    """Resolve a name."""
    return DEAD_FIRST


@pytest.fixture
def network() -> Iterator[Network]:
    """Give a network whose last address answers."""
    network = Network(alive=["192.0.2.2"])
    yield network
    for opened in network.opened:
        opened.close()


@pytest.mark.parametrize("left", [60.0, 2.0])
def test_each_address_of_a_name_is_tried_within_the_deadline(network: Network, left: float) -> None:
    """A dead IPv6 address does not hide a live IPv4 one, nor does it stretch the time."""
    connect("envoy", 80, Deadline(left), resolve=dead_first, dial=network.dial)

    assert network.addresses == DEAD_FIRST
    assert all(0 < seconds <= min(left, 5.0) for seconds in network.seconds)


@pytest.mark.parametrize("error", [ConnectionRefusedError, TimeoutError])
def test_a_name_of_dead_addresses_fails_as_the_last_one_did(error: type[OSError]) -> None:
    """So that it is known why."""
    with pytest.raises(error, match=r"192\.0\.2\.2"):
        connect("envoy", 80, Deadline(5.0), resolve=dead_first, dial=Network(error=error).dial)


def test_no_address_is_tried_after_the_deadline(network: Network) -> None:
    """The resolver takes its own time; who comes out of it too late connects no more."""
    with pytest.raises(DeadlinePassed):
        connect("envoy", 80, Deadline(-1.0), resolve=dead_first, dial=network.dial)

    assert network.addresses == []


def test_a_name_is_resolved_by_the_system() -> None:
    """A number is its own address."""
    assert addresses_of("127.0.0.1", 80) == ["127.0.0.1"]


def test_the_boot_clock_never_runs_backwards() -> None:
    """It is not the wall clock."""
    first = boot_clock()

    assert boot_clock() >= first > 0
