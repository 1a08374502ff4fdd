"""A file of made-up visits of every kind that callers have, and the same visits as bare rows."""

import csv
import json
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

COLUMNS = (
    "connection", "external_id", "invitee_name", "invitee_email", "location", "flow", "host_employee_id",
    "host_email", "expected_arrival_at", "expected_departure_at", "notes", "custom_fields", "send_email",
    "wanted",
)  # fmt: skip
PLACES = {"Berlin": ZoneInfo("Europe/Berlin"), "Singapore": ZoneInfo("Asia/Singapore")}
NAMES = ("Ann Example", "Zoé Moreau", "Łukasz Wójcik", "山田 太郎", "Dr. Maria-Fernanda de la Cruz Ortega")
NOTE = "Third floor, please ring the bell.\nBrings a laptop; needs a badge for the car park."


def write_visits(file: Path, number: int, *, bare: bool = False, edition: int = 1) -> None:
    """Write so many visits; *bare* ones have each time in UTC, as a plain INSERT needs them.

    Every visit of another edition differs.
    """
    with file.open("w", encoding="utf-8", newline="") as stream:
        writer = csv.writer(stream)
        writer.writerow(COLUMNS)
        writer.writerows(_visits(number, edition, bare=bare))


def _visits(number: int, edition: int, *, bare: bool) -> Iterator[tuple[str, ...]]:
    today = datetime.now(UTC).replace(hour=0, minute=0, second=0, microsecond=0)
    for one in range(number):
        # Noon and an hour either side: no clock is changed then.
        arrival = today + timedelta(days=7 + one % 300, hours=11, minutes=one % 120)
        place = ("Berlin", "Singapore")[one % 2]
        yield (
            "acme",
            f"booking-{one:08}",
            NAMES[one % 5],
            f"visitor-{one}@example.com" if one % 3 else "",
            place,
            ("Visitor", "Interview", "")[one % 3],
            f"{300000 + one % 200}" if one % 5 == 0 else "",
            f"host-{one % 200}@example.com" if one % 5 == 1 else "",
            _written(arrival, place, one, bare=bare),
            _written(arrival + timedelta(hours=1), place, one, bare=bare) if one % 2 else "",
            f"{NOTE} ({edition})" if one % 2 else "",
            "" if one % 2 else json.dumps({"Purpose of visit": "Interview", "Car": f"B-{one}-{edition}"}),
            "true" if one % 10 == 0 else "false",
            "present",
        )


def _written(wall: datetime, place: str, one: int, *, bare: bool) -> str:
    """Write a wall clock's time: as local time, with its offset, or in UTC."""
    moment = wall.replace(tzinfo=PLACES[place])
    if bare:
        return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    return wall.strftime("%Y-%m-%dT%H:%M") if one % 3 else moment.isoformat()
