"""Every thread that may need a connection finds one."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.integration.delivery.conftest import MakeWorker
from tests.integration.delivery.controlled_api import serving
from worker.context import JOB_THREADS, MOST_READERS
from worker.settings.model import DRAWERS, REFRESHERS

SENDERS = 6
PREPARERS, MOST_LOOKERS = 4, 4
ALL = SENDERS + PREPARERS + DRAWERS + MOST_LOOKERS + REFRESHERS + MOST_READERS + JOB_THREADS


@pytest.fixture
def patient_api() -> Iterator[str]:
    """Serve an API that answers when as many requests are under way as there may be threads."""
    all_there = threading.Barrier(ALL, timeout=2)

    with serving(lambda *_: all_there.wait()) as url:
        yield url


def test_the_threads_of_all_stages_and_jobs_find_a_connection_at_once(
    make_worker: MakeWorker, patient_api: str
) -> None:
    """None of their rows waits in vain for one that the others have, to Envoy or to the database."""
    settings = {"WORKER_ENVOY__API_URL": patient_api, "WORKER_PUSH__CONCURRENCY": str(SENDERS)}
    context = make_worker(**settings).context

    def ask(_: int) -> None:
        with context.database.read():
            context.api.probe("token")

    assert context.settings.push.lookers == MOST_LOOKERS
    with ThreadPoolExecutor(ALL) as pool:
        assert len(list(pool.map(ask, range(ALL)))) == ALL
