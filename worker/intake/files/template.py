"""A file to begin with: every column, and two made-up visits of the coming days."""

import json
from datetime import UTC, date, datetime, time, timedelta

from worker.clock import to_second
from worker.intake.files.spreadsheets import csv_line
from worker.intake.rows import FIELDS

Values = dict[str, object]


def as_csv(today: date) -> str:
    """Return the header and two lines."""
    rows = [[_cell(visit.get(name)) for name in FIELDS] for visit in _visits(today)]
    return "".join(csv_line(cells) + "\n" for cells in (FIELDS, *rows))


def as_json_lines(today: date) -> str:
    """Return one object for each of the two."""
    return "".join(json.dumps(visit) + "\n" for visit in _visits(today))


def _cell(value: object) -> str:
    return json.dumps(value) if isinstance(value, dict) else str(value or "")


def _visits(today: date) -> list[Values]:
    """Return one visit that fills nearly every column, and one with what is needed."""
    return [
        {
            "connection": "acme",
            "external_id": "example-1",
            "invitee_name": "Ann Example",
            "invitee_email": "ann@example.com",
            "location": "Berlin",
            "flow": "Interview",
            "host_email": "host@example.com",
            "expected_arrival_at": _moment(today, 9),
            "expected_departure_at": _moment(today, 10),
            "notes": "Made up: replace this line",
            "custom_fields": {"Purpose of visit": "Interview"},
            "send_email": "false",
            "wanted": "present",
        },
        {
            "connection": "acme",
            "external_id": "example-2",
            "invitee_name": "Ben Example",
            "location": "Berlin",
            "expected_arrival_at": _moment(today, 14),
        },
    ]


def _moment(today: date, hour: int) -> str:
    """Return that hour in a week, in UTC: where the location is not known, local time is not either."""
    return to_second(datetime.combine(today + timedelta(days=7), time(hour), UTC))
