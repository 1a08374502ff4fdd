"""The service while its database is away: it survives, says so once, and goes on by itself."""

import signal
import threading
from typing import Any

from tests.database_away import ClosedServer
from tests.installation import Installation, events
from tests.waiting import wait_until
from tests.workers import Piped
from worker.sandbox import Sandbox


def followed(process: Piped) -> list[str]:
    """Return the lines that a process prints, as they come."""
    lines: list[str] = []
    threading.Thread(
        target=lambda stream: lines.extend(iter(stream.readline, "")), args=[process.stdout]
    ).start()
    return lines


def test_the_service_survives_and_says_so_once(
    postgresql_url: str, postgresql_server: str, sandbox: Sandbox
) -> None:
    """Several runs fail in between: one line at the start, one at the end, no ERROR, and then all is sent."""
    installation = Installation(postgresql_url, sandbox, WORKER_LOG__LEVEL="debug")
    installation.connect()
    server = ClosedServer(installation.database.url, postgresql_server)
    with installation.start("run", WORKER_JOBS__PUSH_INVITES__EVERY="0.3") as service:
        printed = followed(service)

        def told(event: str) -> list[Any]:
            return [line for line in events("".join(list(printed))) if line["event"] == event]

        wait_until(lambda: bool(told("job.finished")))
        server.go()
        wait_until(lambda: len(told("job.failed")) >= 4)
        server.come_back()
        installation.database.dispose()
        installation.add(5)
        wait_until(lambda: installation.statuses() == {"sent": 5} and bool(told("database.reachable")))
        service.send_signal(signal.SIGTERM)
        wait_until(lambda: bool(told("worker.stopped")))

    assert service.returncode == 0
    assert [line["level"] for line in told("database.unreachable")] == ["warning"]
    assert len(told("database.reachable")) == 1
    assert {line["level"] for line in told("job.failed")} == {"debug"}
    server.close()
    installation.database.dispose()
