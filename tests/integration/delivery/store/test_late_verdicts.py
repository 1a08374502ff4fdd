"""What a verdict does to a row that others have been at while its request was on its way."""

from dataclasses import replace

import pytest
from structlog.testing import capture_logs

from tests.integration.delivery.parties import DEAD, DEFERRED, IN_DOUBT, PAST, REFUSED, SENT, Scene
from tests.integration.delivery.world import World
from worker.delivery.outcomes import Outcome
from worker.delivery.recovery.interrupted import abandoned, give_up
from worker.delivery.store.verdicts import LONGEST_DETAIL, Stored
from worker.failpoints import armed
from worker.invites import Kind


@pytest.fixture
def scene(shared_world: World) -> Scene:
    """Give a row of its own."""
    return Scene(shared_world)


def test_a_create_that_ends_in_doubt_stays_so_though_the_caller_changed_the_row(scene: Scene) -> None:
    """It settles first: if it were due for the change, it would be created a second time."""
    attempt = scene.begin()
    scene.change()

    assert attempt.store(IN_DOUBT) is Stored.SETTLED

    after = scene.delivery
    assert (after["status"], after["revision"]) == ("unknown", 2)
    assert after["unknown_since"] is not None
    assert 1 < scene.world.wait(scene.key) <= 5, "Envoy may need a moment until it shows it"
    assert after["content_key"] == scene.key, "no twin may be sent meanwhile"


@pytest.mark.parametrize("outcome", [DEFERRED, REFUSED], ids=["deferred", "refused"])
def test_a_change_is_due_at_once_after_an_attempt_that_was_not_executed(
    scene: Scene, outcome: Outcome
) -> None:
    """The refusal was of the older revision, and so was the wait."""
    attempt = scene.begin()
    scene.change()

    attempt.store(replace(outcome, back_off=True))

    assert scene.due().revision == 2
    assert (scene.delivery["status"], scene.delivery["content_key"]) == ("pending", None)


@pytest.mark.parametrize("outcome", [SENT, IN_DOUBT, DEFERRED, REFUSED], ids=lambda one: str(one.verdict))
def test_the_verdict_of_an_attempt_settles_no_later_one(scene: Scene, outcome: Outcome) -> None:
    """The row is the next attempt's; the ledger takes both verdicts, each on its own line."""
    late = scene.begin(Kind.UPDATE)
    scene.end_lease()
    scene.begin(Kind.UPDATE)
    before = scene.delivery

    assert late.store(outcome) in {Stored.STALE, Stored.OTHER_ID}

    assert scene.delivery == before
    verdicts = {line["id"]: line["verdict"] for line in scene.lines}
    assert verdicts == {late.claim.attempt_id: outcome.verdict, before["attempt_id"]: None}


def test_a_late_verdict_does_not_unwrite_what_the_ledger_says(scene: Scene) -> None:
    """A line is written once: an attempt that was called interrupted stays so."""
    attempt = scene.begin(Kind.UPDATE)
    scene.stand(lease_owner=DEAD, lease_until=PAST)
    for found in abandoned(scene.database, longest_lease=60):
        give_up(scene.database, found, first_look=5)
    (before,) = scene.lines
    assert before["verdict"] == "interrupted"

    attempt.store(SENT)

    assert scene.lines == [before]


def test_an_answer_with_another_id_than_the_rows_is_told_with_both(world: World) -> None:
    """Envoy may hold the visit twice: an ERROR has the new id and the hint to compare."""
    world.add()

    def look_it_up() -> None:
        world.execute(
            "UPDATE delivery SET status = 'sent', envoy_invite_id = '7', sent_revision = 1, fencing_token = 9"
        )

    with armed("after_answer", action=look_it_up), capture_logs() as lines:
        world.push()

    (told,) = (line for line in lines if line["event"] == "invite.stale")
    (in_envoy,) = world.sandbox.invites()
    assert (told["log_level"], told["envoy_invite_id"]) == ("error", in_envoy["id"])
    assert "twice" in told["hint"]
    assert world.delivery()["envoy_invite_id"] == "7"
    assert world.attempts()[0]["envoy_invite_id"] == in_envoy["id"]


def test_an_answer_with_the_rows_own_id_is_no_cause_for_alarm(scene: Scene) -> None:
    """A look-up has found it already: the same visit, once."""
    attempt = scene.begin()
    scene.stand(status="sent", envoy_invite_id="77", sent_revision=1)

    assert attempt.store(SENT) is Stored.STALE


def test_a_long_refusal_is_stored_in_part(scene: Scene) -> None:
    """Of what Envoy wrote the row and the ledger keep the first 500 characters."""
    scene.tried(replace(REFUSED, detail="x" * 600))

    assert scene.delivery["error_detail"] == "x" * LONGEST_DETAIL == scene.lines[0]["detail"]
