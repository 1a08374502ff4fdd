"""Push: answers that leave it open what Envoy did."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.delivery.world import World
from worker.sandbox import Faults
from worker.sandbox.faults import faults_from_json

SOON = datetime.now(UTC) + timedelta(days=2)


@pytest.mark.parametrize(
    "fault", ["commit_then_500_share", "drop_after_share", "garbage_share", "no_id_share", "truncate_share"]
)
def test_a_doubtful_create_is_unknown_and_never_sent_again(world: World, fault: str) -> None:
    """When Envoy acted but its answer is lost or strange, the invite is left alone."""
    world.add()
    world.sandbox.set_faults(faults_from_json({fault: 1.0}))

    report = world.push()
    world.sandbox.set_faults(Faults())
    world.make_due()
    world.push()

    assert report.counts["unknown"] == 1
    assert world.delivery()["status"] == "unknown"
    assert len(world.sandbox.invites()) == 1


def test_a_doubtful_update_is_repeated(world: World) -> None:
    """Doing an update twice leaves Envoy as doing it once, so it simply comes again."""
    world.add(notes="a")
    world.push()
    world.execute("UPDATE invite SET notes = 'b'")
    world.sandbox.set_faults(Faults(drop_after_share=1.0))

    assert world.push().counts["deferred"] == 1
    world.sandbox.set_faults(Faults())
    world.make_due()
    world.push()

    assert world.delivery()["status"] == "sent"
    assert world.sandbox.invites()[0]["notes"] == "b"


def test_a_page_of_html_with_status_200_is_no_success(world: World) -> None:
    """A proxy's page is not an invite: the create is doubtful."""
    world.add()
    world.sandbox.set_faults(Faults(html_200=True))

    world.push()

    assert world.delivery()["status"] == "unknown"
    assert world.delivery()["error_code"] == "bad_answer"


def test_twins_are_never_in_doubt_together(world: World) -> None:
    """While a create is unknown, a row of equal content waits, for a look-up could not tell them apart."""
    arrival = SOON.isoformat()
    world.add("one", invitee_name="Ann", expected_arrival_at=arrival)
    world.sandbox.set_faults(Faults(drop_after_share=1.0))
    world.push()
    world.sandbox.set_faults(Faults())
    world.add("two", invitee_name="ANN ", expected_arrival_at=arrival)

    report = world.push()

    assert not report.did_something
    assert world.delivery("two")["status"] == "pending"
    assert len(world.sandbox.invites()) == 1
