"""Every thread that may need a connection finds one."""

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import pytest

from tests.integration.delivery.conftest import MakeWorld
from worker.context import JOB_THREADS, MOST_READERS
from worker.settings.model import DRAWERS, REFRESHERS

SENDERS = 6
PREPARERS, MOST_LOOKERS = 4, 4
ALL = SENDERS + PREPARERS + DRAWERS + MOST_LOOKERS + REFRESHERS + MOST_READERS + JOB_THREADS


@pytest.fixture
def patient_api() -> Iterator[str]:
    """Serve an API that answers when as many requests are under way as there may be threads."""
    all_there = threading.Barrier(ALL, timeout=2)

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            all_there.wait()
            self.send_response(200)
            self.send_header("Content-Length", "2")
            self.end_headers()
            self.wfile.write(b"{}")

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
        yield f"http://127.0.0.1:{server.server_port}"
        server.shutdown()


def test_the_threads_of_all_stages_and_jobs_find_a_connection_at_once(
    make_world: MakeWorld, patient_api: str
) -> None:
    """None of their rows waits in vain for one that the others have, to Envoy or to the database."""
    settings = {"WORKER_ENVOY__API_URL": patient_api, "WORKER_PUSH__CONCURRENCY": str(SENDERS)}
    parts = make_world(**settings).parts

    def ask(_: int) -> None:
        with parts.database.read():
            parts.api.probe("token")

    assert parts.settings.push.lookers == MOST_LOOKERS
    with ThreadPoolExecutor(ALL) as pool:
        assert len(list(pool.map(ask, range(ALL)))) == ALL
