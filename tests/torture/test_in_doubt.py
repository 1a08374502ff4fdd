"""How many invites a kill leaves in doubt, at the worst: verdicts wait for rows that callers keep locked."""

from collections import Counter

import sqlalchemy as sa

from tests.torture.exactly_once import require_exactly_once
from tests.torture.fast_installation import FastInstallation, ended, prepared
from tests.workers import ForkedCommands
from worker.sandbox import Faults

SENDERS = 4
INVITES = 60
# What is on its way, and not locked yet.
ON_THEIR_WAY = "SELECT id FROM delivery WHERE status = 'sending' FOR UPDATE SKIP LOCKED"


def standing(installation: FastInstallation) -> tuple[int, int]:
    """Return how many invites have no verdict in the database yet, and how many Envoy has of them."""
    statuses = installation.statuses()
    on_their_way = statuses.get("sending", 0)
    return on_their_way, len(installation.sandbox.invites()) - statuses.get("sent", 0)


def test_a_kill_leaves_no_more_in_doubt_than_twice_the_senders(
    postgresql_url: str, forked_commands: ForkedCommands, counts: Counter[str]
) -> None:
    """A caller locks each row while it is on its way: verdicts wait, until nothing more is claimed."""
    settings = {"WORKER_PUSH__CONCURRENCY": str(SENDERS)}
    with prepared(forked_commands, postgresql_url, settings) as installation:
        installation.sandbox.set_faults(Faults(latency_seconds=0.3))
        installation.add(INVITES)
        with ended(installation.services(1)) as (worker,), installation.database.engine.connect() as caller:
            locked: set[int] = set()

            def are_all_locked() -> bool:
                locked.update(caller.execute(sa.text(ON_THEIR_WAY)).scalars())
                return standing(installation) == (len(locked), len(locked)) and len(locked) > SENDERS

            installation.wait_for(are_all_locked)
            worker.kill()
        left = installation.statuses()["sending"]
        assert SENDERS < left <= 2 * SENDERS
        counts.update(in_doubt=left)

        installation.sandbox.set_faults(Faults())
        with ended(installation.services(1)):
            installation.settle()
        counts.update(require_exactly_once(installation))
