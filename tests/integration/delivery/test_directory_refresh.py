"""Reading directories: one customer's failure is told by name, and is nobody else's."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from structlog.testing import capture_logs

from jobs import refresh_directory
from tests.integration.delivery.conftest import ALL_SCOPES
from tests.integration.delivery.world import World
from worker.directory import load
from worker.directory.store import replace
from worker.envoy.resources import Location
from worker.sandbox import Faults, Sandbox


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Run a sandbox of two companies."""
    with Sandbox(port=0, scopes=ALL_SCOPES, companies=2) as running:
        yield running


def test_a_directory_that_cannot_be_read_is_told_and_the_others_are_read(world: World) -> None:
    """The event says whose it is and what Envoy answered; what was stored of it stays in use."""
    world.connect("beta", company_id="10001")
    world.execute("UPDATE connection SET directory_refreshed_at = NULL")
    world.sandbox.set_faults(Faults(error_500_share=1.0, only="GET /v1/flows", company="10000"))

    with capture_logs() as logs:
        report = refresh_directory.run(world.run_context())

    (failed,) = (log for log in logs if log["event"] == "directory.refresh_failed")
    assert (failed["connection"], failed["http_status"], failed["log_level"]) == ("acme", 500, "warning")
    assert report.counts == {"failed": 1, "refreshed": 1}
    stored = "SELECT 1 FROM flow AS f JOIN connection AS c ON c.id = f.connection_id WHERE c.name = 'acme'"
    assert world.rows(stored)


def test_two_who_read_a_directory_at_once_both_store_it(world: World) -> None:
    """One after the other, and the directory is whole."""
    database = world.parts.database
    places = [Location(str(number), name, True, None) for number, name in enumerate(("Berlin", "Oslo"))]
    (connection,) = world.rows("SELECT id FROM connection WHERE name = 'acme'")

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(replace, database, connection["id"], places, []) for _ in range(12)]:
            done.result()

    assert [one.name for one in load(database, connection["id"]).locations] == ["Berlin", "Oslo"]
