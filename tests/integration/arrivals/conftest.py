"""What notices callers' changes, at work on a database."""

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest
import sqlalchemy as sa

from worker.arrivals import Arrivals
from worker.database import Database

INSERT = (
    "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
    " VALUES ('acme', :key, 'Ann Example', 'Berlin', '2035-05-01T10:00:00Z')"
)


class Service:
    """One process that notices."""

    def __init__(self, url: str, *, notify: bool = True) -> None:
        """Begin."""
        self.database = Database(url)
        self._stop = threading.Event()
        self.woken = threading.Semaphore(0)
        self.arrivals = Arrivals(self.database, notify=notify, stop=self._stop)
        self.arrivals.start(self.woken.release)

    def hears(self) -> bool:
        """Return whether it has noticed something since it was asked last, and let go of that."""
        heard = self.woken.acquire(timeout=30)
        while self.woken.acquire(timeout=0.5):  # longer than one look takes
            pass
        return heard

    def is_quiet(self) -> bool:
        """Return whether it notices nothing, for longer than one look takes."""
        return not self.woken.acquire(timeout=1)

    def end(self) -> None:
        """End it."""
        self._stop.set()
        self.arrivals.end()
        self.database.dispose()


Serve = Callable[..., Service]


@pytest.fixture
def serve() -> Iterator[Serve]:
    """Give a way to start processes that notice; they end with the test."""
    with ExitStack() as started:

        def start(url: str, *, notify: bool = True) -> Service:
            service = Service(url, notify=notify)
            started.callback(service.end)
            return service

        yield start


def ready(service: Service) -> Service:
    """Wait until a service would hear of the next change; it counts what came before as one."""
    assert service.hears()
    return service


def write(database: Database, *statements: str, **values: object) -> None:
    """Write in one transaction, as a caller would."""
    with database.write() as connection:
        for statement in statements:
            connection.execute(sa.text(statement), values)
