"""After a restore a worker dies at each step in turn: no visit is created twice, and none is lost."""

from collections.abc import Iterator

import pytest

from tests.integration.delivery.scene import LEASE_SECONDS, Scene, visitor

PUSHING = (
    "before_restored", "after_restored", "before_claim", "after_intent", "before_connect",
    "after_bytes_written", "after_envoy_committed", "after_answer", "before_verdict_commit",
    "after_verdict_commit",
)  # fmt: skip
LOOKING = ("before_look_up", "after_look_up", "after_look_up_commit")
FORGOTTEN = (
    "UPDATE delivery SET status = 'pending', next_attempt_at = created_at, envoy_invite_id = NULL,"
    " sent_content = NULL, sent_revision = NULL, fencing_token = 0, attempts = 0, attempt_id = NULL,"
    " content_key = NULL WHERE external_id = :key"
)


@pytest.fixture
def scene(database_url: str) -> Iterator[Scene]:
    """Give two workers, and a customer who lets us read invites, one of which is known to be there."""
    made = Scene(database_url, reading=True)
    made.add()
    made.world.push()
    yield made
    made.close()


def restore(scene: Scene, key: str) -> None:
    """Take one visit back to before it was sent; the customer authorises again."""
    scene.world.execute(
        "DELETE FROM attempt WHERE delivery_id = (SELECT id FROM delivery WHERE external_id = :key)", key=key
    )
    scene.world.execute(FORGOTTEN, key=key)
    scene.world.begin_restored()
    scene.world.connect()


def end_well(scene: Scene) -> None:
    """Let the other worker go on until nothing is left, and a person be asked for nothing."""
    for _ in range(12):
        scene.pass_time(2 * LEASE_SECONDS)
        scene.workers["B"].push()
        scene.workers["B"].reconcile()
        if not scene.world.rows("SELECT 1 FROM delivery WHERE status <> 'sent'"):
            return
    raise AssertionError(scene.world.rows("SELECT external_id, status, error_code FROM delivery"))


def test_a_kill_at_any_step_makes_no_visit_twice(scene: Scene) -> None:
    """One visit was sent after the backup, and one was never sent; both are looked up, and are there once."""
    worker = scene.workers["A"]
    for place in (*PUSHING, *LOOKING):
        since = scene.add()
        worker.push()
        waiting = scene.add()
        restore(scene, since)
        for _ in range(4):  # left in doubt, looked up twice, sent
            scene.pass_time(2 * LEASE_SECONDS)
            scene.crash(worker.push, place, 1)
            scene.crash(worker.reconcile, place, 1)
        end_well(scene)
        made = [one["name"] for one in scene.sandbox.ledger()["creates"]]
        assert [made.count(visitor(key)) for key in (since, waiting)] == [1, 1], place
