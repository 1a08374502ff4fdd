"""An update that lets Envoy mail the visitor, and whose answer is lost: the visitor is mailed once for it."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.delivery.world import World
from worker.failpoints import armed
from worker.sandbox import Faults
from worker.sandbox.faults import faults_from_json


def mails(world: World) -> int:
    """Return how many updates so far had the visitor mailed."""
    ledger = world.sandbox.ledger()
    return len(ledger["mails"]) - len(ledger["creates"])


def push(world: World, **faults: Any) -> list[Any]:
    """Push what waits, while Envoy has these faults; return the events."""
    world.sandbox.set_faults(faults_from_json(faults))
    world.make_due()
    with capture_logs() as logs:
        world.push()
    world.sandbox.set_faults(Faults())
    return list(logs)


def warned(logs: list[Any]) -> list[str]:
    """Return the warnings that a mail was not asked for again."""
    return [log["hint"] for log in logs if log.get("error_code") == "mail_not_repeated"]


@pytest.fixture
def mailing_world(world: World) -> World:
    """Give a world with one visit that Envoy has, whose visitor is to be mailed."""
    world.add(send_email=True, notes="a")
    world.push()
    return world


def test_a_doubtful_update_mails_once_however_often_it_is_repeated(mailing_world: World) -> None:
    """From the second time on it asks for no mail; that is told once, when it has gone through."""
    world = mailing_world
    world.execute("UPDATE invite SET notes = 'b'")

    doubts = ("commit_then_500_share", "drop_after_share", "garbage_share", "drop_before_share")
    logs = [log for fault in doubts for log in push(world, **{fault: 1.0})]
    assert warned(logs) == []
    assert mails(world) == 1
    logs += push(world)

    (invite,) = world.sandbox.invites()
    assert (invite["notes"], mails(world), len(world.sandbox.ledger()["updates"])) == ("b", 1, 4)
    assert len(warned(logs)) == 1
    delivery = world.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("sent", "mail_not_repeated")


def test_a_later_change_mails_again(mailing_world: World) -> None:
    """What was in doubt is settled: a change and its way back send nothing, and a new change mails."""
    world = mailing_world
    world.execute("UPDATE invite SET notes = 'b'")
    push(world, drop_after_share=1.0)
    push(world)

    world.execute("UPDATE invite SET notes = 'c'")
    world.execute("UPDATE invite SET notes = 'b'")
    push(world)
    assert mails(world) == 1
    world.execute("UPDATE invite SET notes = 'd'")
    logs = push(world)

    assert (mails(world), warned(logs)) == (2, [])
    assert world.delivery()["error_code"] is None


def test_an_update_whose_process_died_may_have_mailed(mailing_world: World) -> None:
    """Nobody heard its answer: that is a doubt like any other."""
    world = mailing_world
    world.execute("UPDATE invite SET notes = 'b'")

    def die() -> None:
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt), armed("after_answer", action=die):
        world.push()
    world.execute("UPDATE delivery SET lease_until = created_at WHERE status = 'sending'")
    logs = push(world)

    assert (mails(world), len(world.sandbox.ledger()["updates"])) == (1, 2)
    assert len(warned(logs)) == 1


@pytest.mark.parametrize("fault", [{"error_429_share": 1.0}, {"refuse_nulls": 422}])
def test_an_update_that_was_surely_not_executed_asks_for_its_mail_again(
    mailing_world: World, fault: dict[str, Any]
) -> None:
    """A 429 and a refusal mailed nobody."""
    world = mailing_world
    world.execute("UPDATE invite SET notes = NULL, expected_departure_at = expected_arrival_at")

    logs = push(world, **fault) + push(world)

    assert (mails(world), warned(logs)) == (1, [])


def test_a_mail_that_was_never_asked_for_is_sent_after_a_doubt(world: World) -> None:
    """The doubt is about the mail only where the doubtful update had asked for one."""
    world.add(notes="a")
    world.push()
    world.execute("UPDATE invite SET notes = 'b'")
    push(world, drop_after_share=1.0)

    world.execute("UPDATE invite SET send_email = true")
    logs = push(world)

    assert len(world.sandbox.ledger()["mails"]) == 1
    assert warned(logs) == []


def test_a_doubt_about_content_that_retention_cleared_is_remembered_too(mailing_world: World) -> None:
    """Nothing is stored of what Envoy has, and still the mail is asked for once."""
    world = mailing_world
    world.execute("UPDATE delivery SET sent_content = NULL")
    world.execute("UPDATE invite SET notes = 'b'")

    for _ in range(2):
        push(world, commit_then_500_share=1.0)
    push(world)

    assert mails(world) == 1
    assert world.delivery()["status"] == "sent"


def test_a_remove_in_doubt_does_not_make_the_mail_be_asked_for_again(mailing_world: World) -> None:
    """The update before it may have mailed; wanted again, the invite is still there."""
    world = mailing_world
    world.execute("UPDATE invite SET notes = 'b'")
    push(world, drop_after_share=1.0)
    world.execute("UPDATE invite SET wanted = 'absent'")
    push(world, drop_before_share=1.0, only="")

    world.execute("UPDATE invite SET wanted = 'present'")
    push(world)

    assert mails(world) == 1
    assert world.delivery()["status"] == "sent"


@pytest.mark.parametrize("change", ["notes = 'c'", "wanted = 'absent'"])
def test_a_lost_route_makes_no_doubtful_mail_be_asked_for_again(mailing_world: World, change: str) -> None:
    """That a gateway refused what came next says nothing of the first try, which had mailed."""
    world = mailing_world
    world.execute("UPDATE invite SET notes = 'b'")
    push(world, drop_after_share=1.0)
    world.execute(f"UPDATE invite SET {change}")  # noqa: S608
    push(world, lost="json")
    world.execute("UPDATE invite SET wanted = 'present'")

    logs = push(world)

    assert (mails(world), len(warned(logs))) == (1, 1)
    assert world.delivery()["status"] == "sent"
