"""Real processes against the sandbox, which ends a grant as soon as a refresh token comes twice."""

import pytest

from tests.integration.connections.worker_with_token_endpoint import (
    WorkerWithTokenEndpoint,
    no_locations,
    start_child,
)
from worker.connections.consent.grant import finish
from worker.connections.consent.redirect import begin, code_from
from worker.connections.states import ConnectionStatus
from worker.envoy.http.client import HttpClient
from worker.envoy.oauth import ClientCredentials, OAuth
from worker.sandbox import Sandbox
from worker.settings.model import EnvoySettings

PROCESSES = 4
SECONDS = 3


def connected(worker: WorkerWithTokenEndpoint, http: HttpClient, sandbox: Sandbox) -> int:
    """Store a grant of the sandbox's, and return the connection's id."""
    oauth = OAuth(
        http,
        ClientCredentials("sandbox-client", "sandbox-secret"),
        authorize_url=sandbox.authorize_url,
        token_url=sandbox.token_url,
    )
    request = begin(oauth, EnvoySettings())
    answer = http.send("GET", f"{request.url}&auto=allow", deadline_seconds=5)
    code = code_from(request, answer.headers["Location"])
    row = finish(worker.database, worker.vault, oauth, "acme", request, code, look=no_locations)
    assert row.id is not None
    return row.id


@pytest.mark.parametrize("way", ["", "-beside"], ids=["first", "beside"])
def test_four_processes_never_use_a_refresh_token_twice(
    real_time_worker: WorkerWithTokenEndpoint, http: HttpClient, way: str
) -> None:
    """Tokens live for one second; four processes ask for them as fast as they can; the grant lives on.

    They refresh first what is due, or beside its use.
    """
    with Sandbox(access_token_seconds=1) as sandbox:
        number = connected(real_time_worker, http, sandbox)
        children = [
            start_child(real_time_worker, number, f"{SECONDS}{way}", token_url=sandbox.token_url)
            for _ in range(PROCESSES)
        ]
        for child in children:
            assert child.stdin is not None
            child.stdin.write(b"go\n")
            child.stdin.flush()
        given = [int(child.communicate(timeout=60)[0].split()[-1]) for child in children]
        ledger = sandbox.ledger()

    assert all(child.returncode == 0 for child in children)
    assert all(number > 0 for number in given)
    assert ledger["refresh_token_reuse"] == 0
    assert ledger["families_killed"] == 0
    assert ledger["refreshes"] >= SECONDS
    row = real_time_worker.row()
    assert (row.status, row.token_version) == (ConnectionStatus.ACTIVE, 1 + ledger["refreshes"])
