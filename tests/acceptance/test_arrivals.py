"""A service takes up what callers write when they commit it."""

from tests.installation import Installation
from tests.waiting import wait_until

SENT = "SELECT sent_revision FROM delivery"


def test_a_service_does_not_wait_for_its_next_run(installation: Installation) -> None:
    """Its runs are an hour apart: what is written after the first one has ended is sent all the same."""
    installation.connect()
    service = installation.start("run", WORKER_JOBS__PUSH_INVITES__EVERY="3600")
    installation.add(1)
    ended = (line for line in service.stdout if '"job.finished"' in line and '"push_invites"' in line)
    next(ended)
    installation.execute("UPDATE invite SET notes = 'Third floor'")
    wait_until(lambda: [row["sent_revision"] for row in installation.rows(SENT)] == [2])
    installation.stop(service)

    assert service.returncode == 0
