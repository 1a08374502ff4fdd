import random
import time
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

from tests import pgbouncer
from tests.own_server import FORGETFUL, OTHERS, Server, own_server
from tests.torture.exactly_once import require_exactly_once
from tests.torture.fast_installation import SENDERS, FastInstallation, ended, prepared
from tests.torture.scale import SEED, scaled
from tests.workers import ForkedCommands
from worker.sandbox import Faults

ROUNDS = scaled(2, 20)
INVITES = 60
CHANGED = 3  # of those of the round before
LATENCY = 0.1  # so that the last requests are not answered yet when the server dies


@pytest.fixture
def server() -> Iterator[Server]:
    """Run a server whose defaults are other applications': commits are confirmed that nobody wrote down."""
    with own_server(FORGETFUL | OTHERS) as running:
        yield running


@pytest.fixture(params=["direct", "pooled"])
def workers_url(request: pytest.FixtureRequest, server: Server) -> Iterator[str]:
    """Give the server's database as the workers reach it: also behind a pgbouncer, which lives on."""
    if request.param == "direct":
        yield server.url
        return
    pgbouncer.require_installed()
    with pgbouncer.pgbouncer(server.url) as address:
        yield pgbouncer.through(address, server.url)


def creates(installation: FastInstallation) -> int:
    """Return how many creates Envoy has carried out."""
    return len(installation.sandbox.ledger()["creates"])


def is_reached(url: str) -> bool:
    """Return whether it answers; a pooler may not know yet that its server is back."""
    try:
        with psycopg.connect(url) as connection:
            connection.execute("SELECT 1")
    except psycopg.OperationalError:
        return False
    return True


def strike(installation: FastInstallation, server: Server, before: int, draws: random.Random) -> bool:
    """Kill the server in the middle of a drain; say whether it was in the middle."""
    share = draws.randint(1, INVITES - SENDERS)
    installation.wait_for(lambda: creates(installation) >= before + share)
    time.sleep(draws.uniform(0, LATENCY / 2))  # the instant is random; nothing waits for it
    server.crash()
    installation.database.dispose()  # its connections are broken as well
    return creates(installation) < before + INVITES


def play(installation: FastInstallation, server: Server, draws: random.Random, *, host_dies: bool) -> bool:
    """Play one round to its end; with its host, the server takes the worker along."""
    before = creates(installation)
    installation.change(min(CHANGED, installation.invites))
    installation.add(INVITES)
    with ended(installation.services(1)) as [worker]:
        in_the_middle = strike(installation, server, before, draws)
        if host_dies:
            worker.kill()
        server.start()
        # A service that starts sooner ends, and it is a supervisor that starts it again.
        installation.wait_for(lambda: is_reached(installation.env["DATABASE_URL"]))
        with ended(installation.services(1 if host_dies else 0)):
            installation.settle()
        assert host_dies or not worker.ended()
    assert creates(installation) == installation.invites
    return in_the_middle


def test_a_server_killed_in_a_drain_loses_no_claim_and_no_verdict_although_its_default_would(
    server: Server, workers_url: str, forked_commands: ForkedCommands, counts: Counter[str]
) -> None:
    """With ``synchronous_commit = off`` as its default, a server is killed again and again: none twice.

    Its callers make sure that what they hand in is written down.  In every second round the worker dies
    with the server; in the others the same process goes on.
    """
    draws = random.Random(SEED)  # noqa: S311 -- repeatable
    settings = {"DATABASE_URL": workers_url}
    with prepared(
        forked_commands, server.durable_url, settings, faults=Faults(latency_seconds=LATENCY)
    ) as installation:
        counts.update(rounds=0, servers_killed_in_the_middle=0, workers_killed_with_them=0)
        for number in range(ROUNDS):
            host_dies = bool(number % 2)
            try:
                in_the_middle = play(installation, server, draws, host_dies=host_dies)
            except AssertionError as error:
                error.add_note(f"seed {SEED}, round {number}")
                raise
            counts.update(
                rounds=1, servers_killed_in_the_middle=in_the_middle, workers_killed_with_them=host_dies
            )
        counts.update(require_exactly_once(installation))
