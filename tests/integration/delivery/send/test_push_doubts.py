"""Push: answers that leave it open what Envoy did."""

from datetime import UTC, datetime, timedelta

import pytest

from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.sandbox import Faults
from worker.sandbox.faults import faults_from_json

SOON = datetime.now(UTC) + timedelta(days=2)


@pytest.mark.parametrize(
    "fault", ["commit_then_500_share", "drop_after_share", "garbage_share", "no_id_share", "truncate_share"]
)
def test_a_doubtful_create_is_unknown_and_never_sent_again(worker: WorkerWithSandbox, fault: str) -> None:
    """When Envoy acted but its answer is lost or strange, the invite is left alone."""
    worker.add()
    worker.sandbox.set_faults(faults_from_json({fault: 1.0}))

    report = worker.push()
    worker.sandbox.set_faults(Faults())
    worker.make_due()
    worker.push()

    assert report.counts["unknown"] == 1
    assert worker.delivery()["status"] == "unknown"
    assert len(worker.sandbox.invites()) == 1


def test_a_doubtful_update_is_repeated(worker: WorkerWithSandbox) -> None:
    """Doing an update twice leaves Envoy as doing it once, so it simply comes again."""
    worker.add(notes="a")
    worker.push()
    worker.execute("UPDATE invite SET notes = 'b'")
    worker.sandbox.set_faults(Faults(drop_after_share=1.0))

    assert worker.push().counts["deferred"] == 1
    worker.sandbox.set_faults(Faults())
    worker.make_due()
    worker.push()

    assert worker.delivery()["status"] == "sent"
    assert worker.sandbox.invites()[0]["notes"] == "b"


def test_a_page_of_html_with_status_200_is_no_success(worker: WorkerWithSandbox) -> None:
    """A proxy's page is not an invite: the create is doubtful."""
    worker.add()
    worker.sandbox.set_faults(Faults(html_200=True))

    worker.push()

    assert worker.delivery()["status"] == "unknown"
    assert worker.delivery()["error_code"] == "bad_answer"


def test_twins_are_never_in_doubt_together(worker: WorkerWithSandbox) -> None:
    """While a create is unknown, a row of equal content waits, for a look-up could not tell them apart."""
    arrival = SOON.isoformat()
    worker.add("one", invitee_name="Ann", expected_arrival_at=arrival)
    worker.sandbox.set_faults(Faults(drop_after_share=1.0))
    worker.push()
    worker.sandbox.set_faults(Faults())
    worker.add("two", invitee_name="ANN ", expected_arrival_at=arrival)

    report = worker.push()

    assert not report.did_something
    assert worker.delivery("two")["status"] == "pending"
    assert len(worker.sandbox.invites()) == 1
