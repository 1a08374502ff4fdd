"""A visit whose columns are all filled, and lines that say less of it."""

import json

ARRIVAL = "2091-03-02T15:00:00Z"
HEADER = "connection,external_id,invitee_name,expected_arrival_at"
FULL = {
    "connection": "acme",
    "external_id": "1",
    "invitee_name": "Jane",
    "invitee_email": "jane@example.com",
    "location": "Berlin",
    "flow": "Interview",
    "host_employee_id": "300001",
    "host_email": "host@example.com",
    "expected_arrival_at": ARRIVAL,
    "expected_departure_at": "2091-03-02T16:00:00Z",
    "notes": "Bring ID",
    "custom_fields": {"Floor": "2"},
    "send_email": True,
    "wanted": "absent",
}
OPTIONAL = tuple(FULL.keys() - {"connection", "external_id", "invitee_name", "expected_arrival_at", "wanted"})


def jsonl(*visits: dict[str, object]) -> str:
    """Return visits as JSON Lines."""
    return "".join(json.dumps(visit) + "\n" for visit in visits)


def least(**columns: object) -> dict[str, object]:
    """Return what every line has to say, and these columns."""
    return {name: FULL[name] for name in HEADER.split(",")} | columns
