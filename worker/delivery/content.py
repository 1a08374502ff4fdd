"""What Envoy shall have: an invite in Envoy's own words, and how two of them differ.

Field names and formats follow Envoy's API reference, "Create an invite" and "Update an invite".
"""

import hashlib
import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from worker.delivery.rows import DueRow
from worker.errors import InputError

Content = dict[str, Any]

# Stands for the value of a field while it is not known which one Envoy has; equal to no value.
IN_DOUBT = {"in_doubt": True}
REMOVAL = "removal"  # no field: its presence says that Envoy may not have the invite any more
# Envoy wants these to agree with each other, so that they travel together.
TOGETHER = ("locationId", "flowId", "hostEmployeeId")


def content_of(
    row: DueRow, *, location_id: str, flow_id: str | None, host_id: str | None, marked: bool = False
) -> Content:
    """Return the invite as Envoy shall have it; what is not given is left out.

    *marked* puts a marker into the notes, by which the invite can be told from all others.
    """
    invitee = {"name": row.invitee_name, "email": blank_to_none(row.invitee_email)}
    fields: Content = {
        "expectedArrivalAt": utc_z(row.expected_arrival_at),
        "expectedDepartureAt": utc_z(row.expected_departure_at) if row.expected_departure_at else None,
        "locationId": location_id,
        "flowId": flow_id,
        "hostEmployeeId": host_id,
        "invitee": {key: value for key, value in invitee.items() if value is not None},
        "notes": _marked_notes(row) if marked else blank_to_none(row.notes),
        # Envoy's default is not documented, and a mail to a visitor cannot be taken back.
        "sendEmailToInvitee": row.send_email,
        "customFields": _custom_fields(row.custom_fields),
    }
    return {key: value for key, value in fields.items() if value is not None}


def changes(before: Mapping[str, Any] | None, after: Content) -> Content:
    """Return the part of *after* that must be sent, empty where nothing differs.

    A field that was cleared is sent as null.  Location, flow and host go together.
    """
    if before is None:
        return dict(after)
    changed = {key for key in {*before, *after} if before.get(key) != after.get(key)} - {REMOVAL}
    if not changed:
        return {}
    if changed.intersection(TOGETHER):
        changed.update(key for key in TOGETHER if key in after or key in before)
    body = {key: after.get(key) for key in sorted(changed)}
    return {**body, "sendEmailToInvitee": after["sendEmailToInvitee"]}


def while_updating(before: Mapping[str, Any] | None, body: Content) -> Content | None:
    """Return what Envoy has while an update is on its way: its fields are sent until an answer is clear."""
    return None if before is None else {**before, **dict.fromkeys(body, IN_DOUBT)}


def while_removing(before: Mapping[str, Any] | None) -> Content:
    """Return what Envoy has while a remove is on its way: maybe nothing."""
    return dict.fromkeys([*(before or ()), REMOVAL], IN_DOUBT)


def may_be_gone(before: Mapping[str, Any] | None) -> bool:
    """Say whether a remove of ours may have been executed."""
    return REMOVAL in (before or ())


def content_key(connection: str, content: Content) -> str:
    """Return what two creates share that a look-up in Envoy could not tell apart."""
    invitee = content["invitee"]
    same = [
        connection,
        content["locationId"],
        content["expectedArrivalAt"],
        invitee.get("email", "").casefold(),
        " ".join(invitee["name"].casefold().split()),
    ]
    return hashlib.sha256(json.dumps(same).encode()).hexdigest()


def marker_of(connection: str, external_id: str) -> str:
    """Return the words that mark an invite of ours in Envoy, and tell nothing about it."""
    return f"ref:{hashlib.sha256(json.dumps([connection, external_id]).encode()).hexdigest()[:12]}"


def utc_z(moment: datetime) -> str:
    """Write a moment as Envoy takes it: UTC, whole seconds, ``Z``."""
    return moment.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def blank_to_none(text: str | None) -> str | None:
    """Return stripped text, None where nothing is left: many callers write '' for NULL."""
    return (text or "").strip() or None


def _marked_notes(row: DueRow) -> str:
    marker = marker_of(row.connection, row.external_id)
    notes = blank_to_none(row.notes)
    return f"{notes} {marker}" if notes else marker


def _custom_fields(fields: Mapping[str, Any] | None) -> list[dict[str, str]] | None:
    if not fields:
        return None
    if not isinstance(fields, dict):
        raise InputError("custom_fields", "custom_fields cannot be read", code="custom_fields_unreadable")
    return [{"field": label, "value": _text(value)} for label, value in sorted(fields.items())]


def _text(value: object) -> str:
    if isinstance(value, str):
        return value
    return json.dumps(value, ensure_ascii=False)
