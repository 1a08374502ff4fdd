"""What Envoy shall have: an invite in Envoy's own words, and the key by which two of them are equal.

Field names and formats follow Envoy's API reference, "Create an invite" and "Update an invite".
"""

import hashlib
import json

from worker.clock import to_second
from worker.delivery.due import DueRow
from worker.delivery.sent_content import Content
from worker.folding import fold
from worker.invites.signs import one_kind_of_breaks


def content_of(
    row: DueRow,
    *,
    location_id: str,
    flow_id: str | None,
    host_id: str | None,
    custom_fields: list[dict[str, str]] | None,
    marker: bool = False,
) -> Content:
    """Return the invite as Envoy shall have it; what is not given is left out.

    *marker* puts words of ours into the notes, by which the invite can be told from all others.
    """
    invitee = {"name": row.invitee_name, "email": blank_to_none(row.invitee_email)}
    fields: Content = {
        "expectedArrivalAt": to_second(row.expected_arrival_at),
        "expectedDepartureAt": to_second(row.expected_departure_at) if row.expected_departure_at else None,
        "locationId": location_id,
        "flowId": flow_id,
        "hostEmployeeId": host_id,
        "invitee": {key: value for key, value in invitee.items() if value is not None},
        "notes": notes_of(row, marker=marker),
        # Envoy's default is not documented, and a mail to a visitor cannot be taken back.
        "sendEmailToInvitee": row.send_email,
        "customFields": custom_fields,
    }
    return {key: value for key, value in fields.items() if value is not None}


def content_key(connection: str, content: Content) -> str:
    """Return what two creates share that a look-up in Envoy could not tell apart.

    Of plain names it is the key that the release before made.
    """
    invitee = content["invitee"]
    same = [
        connection,
        content["locationId"],
        content["expectedArrivalAt"],
        fold(invitee.get("email")),
        fold(invitee["name"]),
    ]
    return hashlib.sha256(json.dumps(same).encode()).hexdigest()


def marker_of(connection: str, external_id: str) -> str:
    """Return the words that mark an invite of ours in Envoy, and tell nothing about it."""
    return f"ref:{hashlib.sha256(json.dumps([connection, external_id]).encode()).hexdigest()[:12]}"


def blank_to_none(text: str | None) -> str | None:
    """Return stripped text, None if nothing is left: many callers write '' for NULL."""
    return (text or "").strip() or None


def notes_of(row: DueRow, *, marker: bool = False) -> str | None:
    """Return the notes as they are sent, their line breaks as in those of a file."""
    notes = blank_to_none(one_kind_of_breaks(row.notes or ""))
    if not marker:
        return notes
    words = marker_of(row.connection, row.external_id)
    return f"{notes} {words}" if notes else words
