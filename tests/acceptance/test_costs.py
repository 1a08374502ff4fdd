"""What strangers may cost: memory has a bound, whatever Envoy answers and callers have stored."""

import json

from tests.costs import MOST_MIB, expensive, measured, wide
from tests.installation import Installation, events
from tests.oversized_rows import long_object, unguarded

ROWS, LONG = 60, 1_800_000
MAKE_LONG = "UPDATE invite SET custom_fields = {value} WHERE external_id <> 'v-0'"


def test_a_list_without_end_costs_no_memory(small_connected: Installation) -> None:
    """100 pages of 2 MB: what is of no use is dropped, and the list ends at a bound of bytes."""
    with expensive(wide) as peer:
        cost = measured(
            small_connected,
            "run-once",
            "refresh_directory",
            WORKER_ENVOY__API_URL=peer.url,
            WORKER_JOBS__REFRESH_DIRECTORY__MAX_AGE="0",
        )

    (failed,) = [event for event in events(cost.err) if event["event"] == "directory.refresh_failed"]
    assert failed["error_code"] == "list_too_large"
    assert cost.mib < MOST_MIB
    assert 20 < peer.requests < 100


def test_oversized_rows_are_rejected_unread_and_nothing_else_suffers(connected: Installation) -> None:
    """60 rows of 1.8 MB, stored before the table refused them, in a push, and in what looks at them."""
    connected.add(ROWS + 1)
    with unguarded(connected.database):
        connected.execute(MAKE_LONG.format(value=long_object(connected.database, LONG)))

    pushed = measured(connected, "run-once", "push_invites")
    listed = measured(connected, "invites", "list", "--json", "--limit", "100")

    rejected = [event for event in events(pushed.err) if event["event"] == "invite.rejected"]
    assert {event["error_code"] for event in rejected} == {"custom_fields_too_long"}
    assert connected.statuses() == {"rejected": ROWS, "sent": 1}
    assert len(json.loads(listed.out)) == ROWS + 1
    assert (pushed.code, listed.code) == (3, 0)
    assert max(pushed.mib, listed.mib) < MOST_MIB
