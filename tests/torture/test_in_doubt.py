"""How many invites a kill leaves in doubt, at the worst: verdicts wait for rows that callers keep locked."""

from collections import Counter

import sqlalchemy as sa

from tests.torture.ground import Ground, ended, prepared
from tests.torture.judging import require_exactly_once
from tests.workers import Zygote
from worker.sandbox import Faults

SENDERS = 4
INVITES = 60
# What is on its way, and not locked yet.
ON_THEIR_WAY = "SELECT id FROM delivery WHERE status = 'sending' FOR UPDATE SKIP LOCKED"


def standing(ground: Ground) -> tuple[int, int]:
    """Return how many invites have no verdict in the database yet, and how many Envoy has of them."""
    statuses = ground.statuses()
    on_their_way = statuses.get("sending", 0)
    return on_their_way, len(ground.sandbox.invites()) - statuses.get("sent", 0)


def test_a_kill_leaves_no_more_in_doubt_than_twice_the_senders(
    postgresql_url: str, zygote: Zygote, counts: Counter[str]
) -> None:
    """A caller locks each row while it is on its way: verdicts wait, until nothing more is claimed."""
    settings = {"WORKER_PUSH__CONCURRENCY": str(SENDERS)}
    with prepared(zygote, postgresql_url, settings) as ground:
        ground.sandbox.set_faults(Faults(latency_seconds=0.3))
        ground.add(INVITES)
        with ended(ground.services(1)) as (worker,), ground.database.engine.connect() as caller:
            locked: set[int] = set()

            def are_all_locked() -> bool:
                locked.update(caller.execute(sa.text(ON_THEIR_WAY)).scalars())
                return standing(ground) == (len(locked), len(locked)) and len(locked) > SENDERS

            ground.wait_for(are_all_locked)
            worker.kill()
        left = ground.statuses()["sending"]
        assert SENDERS < left <= 2 * SENDERS
        counts.update(in_doubt=left)

        ground.sandbox.set_faults(Faults())
        with ended(ground.services(1)):
            ground.settle()
        counts.update(require_exactly_once(ground))
