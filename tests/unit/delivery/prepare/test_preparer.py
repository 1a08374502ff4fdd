"""What a preparer does with a lane that it is given: a visit that was given room reads a page."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime
from typing import cast

from tests.due_rows import due_row
from tests.waiting import wait_until
from worker.clock import boot_clock
from worker.connections.model import Connection
from worker.database import utc_now
from worker.delivery.due import DueConnection
from worker.delivery.lanes.discovery import Discovery
from worker.delivery.lanes.dispatch import Lanes
from worker.delivery.lanes.lane import Lane, Work
from worker.delivery.plan import Call
from worker.delivery.prepare.page import Pages
from worker.delivery.prepare.preparer import Preparer
from worker.delivery.prepare.usability import Usability, Usable
from worker.invites import Kind

CUSTOMERS = ("acme", "beta")
EACH = 60
READY = 12


class ConnectionsInMemory:
    """Connections that may all be used, and their due rows, in memory; it counts visits and pages."""

    def __init__(self) -> None:
        """Lay out so many rows for each customer."""
        self.left = dict.fromkeys(CUSTOMERS, EACH)
        self.visits: list[str] = []
        self.pages: list[str] = []
        self._lock = threading.Lock()

    def due(self) -> list[DueConnection]:
        """Return the customers that have rows left."""
        return [DueConnection(number, name) for number, name in enumerate(CUSTOMERS) if self.left[name]]

    def ready(self) -> int:
        """Return how many rows were read."""
        return len(CUSTOMERS) * EACH - sum(self.left.values())

    def check(self, lane: Lane) -> Usable:
        """Let a lane be used for a minute."""
        with self._lock:
            self.visits.append(lane.name)
        lane.checked_until = boot_clock() + 60
        return Usable(Connection(name=lane.name), utc_now())

    def prepare(self, lanes: Lanes, lane: Lane, _connection: Connection, _now: datetime) -> float:
        """Put as many rows among the ready work as there is room for."""
        number = min(lane.room, self.left[lane.name])
        with self._lock:
            self.pages.append(lane.name)
            self.left[lane.name] -= number
        for _ in range(number):
            lanes.put(Work(lane, due_row(connection=lane.name), Call(Kind.REMOVE)))
        lane.read_to_end = not self.left[lane.name]
        return 0.0


def test_no_visit_is_in_vain_while_there_is_little_room() -> None:
    """A lane with little ready work gets a page, however small, or no visit: each is two looks."""
    connections, over = ConnectionsInMemory(), threading.Event()
    lanes = Lanes(Discovery(connections.due, boot_clock), over=over.is_set, clock=boot_clock, ready=READY)
    preparer = Preparer(lanes, cast("Usability", connections), cast("Pages", connections))
    with ThreadPoolExecutor(1) as pool:
        preparing = pool.submit(preparer.run)
        wait_until(lambda: connections.ready() == READY)  # of which the second lane has two only
        work = lanes.take()
        assert work is not None
        wait_until(lambda: len(connections.visits) > len(CUSTOMERS))
        over.set()
        lanes.done(work, progressed=True)
    preparing.result()

    assert connections.visits == connections.pages
