"""Due rows for tests, made from what a test cares about."""

from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

from worker.connections.model import Connection
from worker.delivery.due import DueRow
from worker.directory import Directory
from worker.directory.entries import Flow, Location

NOW = datetime(2030, 1, 10, 12, tzinfo=UTC)

BERLIN = Location(connection_id=1, envoy_id="100", name="Berlin", enabled=True, timezone="Europe/Berlin")
INTERVIEW = Flow(
    connection_id=1, envoy_id="200", name="Interview", enabled=True, type="VISITOR", location_id="100"
)
DIRECTORY = Directory([BERLIN], [INTERVIEW], NOW)
ACME = Connection(id=1, name="acme", status="active", scopes="locations.read flows.read invites.write")

_ROW = DueRow(
    delivery_id=1,
    invite_id=1,
    connection="acme",
    external_id="v-1",
    revision=1,
    fencing_token=0,
    attempts=0,
    deferrals=0,
    next_attempt_at=NOW,
    error_code=None,
    envoy_invite_id=None,
    sent_content=None,
    invitee_name="Ann Example",
    invitee_email=None,
    location="Berlin",
    flow=None,
    host_employee_id=None,
    host_email=None,
    expected_arrival_at=datetime(2030, 1, 11, 9, tzinfo=UTC),
    expected_departure_at=None,
    notes=None,
    custom_fields=None,
    send_email=False,
    wanted="present",
    changed_at=NOW,
)


def due_row(**fields: Any) -> DueRow:
    """Return a due row that differs in *fields*."""
    return replace(_ROW, **fields)
