"""Two processes push one customer's rows at once: they share the work, and do not meet at every row."""

from tests.installation import Installation
from worker.sandbox.faults import Faults

ROWS = 240
LATENCY = 0.1
SENDERS = 4
# Without sharing each tries to claim nearly all rows.  One that is alone for five seconds comes to as many.
MOST_CLAIMS = 200


def test_two_processes_share_the_rows_of_one_customer(connected: Installation) -> None:
    """Each row is sent once; a process that tries to claim more than it may is killed, and the test fails."""
    connected.add(ROWS)
    connected.sandbox.set_faults(Faults(latency_seconds=LATENCY))
    guarded = {
        "WORKER_PUSH__CONCURRENCY": str(SENDERS),
        "WORKER_FAILPOINTS": f"before_claim:{MOST_CLAIMS}",
    }

    processes = [connected.start("run-once", "push_invites", **guarded) for _ in range(2)]
    for process in processes:
        out, err = process.communicate(timeout=60)
        assert process.returncode == 0, out + err

    assert connected.statuses() == {"sent": ROWS}
    names = [one["invitee"]["name"] for one in connected.sandbox.invites()]
    assert sorted(names) == sorted(f"Visitor {number}" for number in range(ROWS))
    by_process = connected.rows("SELECT count(*) AS number FROM attempt GROUP BY owner")
    assert min(row["number"] for row in by_process) >= ROWS - MOST_CLAIMS
