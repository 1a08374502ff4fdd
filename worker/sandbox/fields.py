"""The fields of an invite that a client sends: checked one by one, in one table."""

from collections.abc import Callable

from worker.sandbox.refusals import Refused, bad_request
from worker.sandbox.values import Record, instant_text

REQUIRED = ("expectedArrivalAt", "locationId", "invitee")
KINDS = ("VISITOR", "EMPLOYEE")


def invite_fields(body: object, *, partial: bool) -> Record:
    """Return the known fields of ``{"invite": {...}}``, times in UTC; Refused with 400 for the first bad one.

    A partial body may leave any field out.  Null stands for an optional field that is not set.
    """
    sent = body.get("invite") if isinstance(body, dict) else None
    if not isinstance(sent, dict):
        raise bad_request("invite is missing")
    absent = [name for name in REQUIRED if name not in sent]
    if absent and not partial:
        raise bad_request(f"{absent[0]} is missing")
    found: Record = {name: _checked(name, sent[name]) for name in _CHECKS if name in sent}
    if not partial and not found["invitee"].get("name"):
        raise bad_request("invitee.name is missing")
    return found


def without_empty(changes: Record) -> Record:
    """Return only the fields that are given a value, as an API does that takes null for "left out"."""
    invitee = {key: value for key, value in changes.get("invitee", {}).items() if value is not None}
    return {
        name: value for name, value in {**changes, "invitee": invitee}.items() if value not in (None, [], {})
    }


def emptied(changes: Record) -> list[str]:
    """Return the fields that an update empties, the invitee's with a dot."""
    invitee = {f"invitee.{key}": value for key, value in changes.get("invitee", {}).items()}
    return [name for name, value in {**changes, **invitee}.items() if value is None or value == []]


def _checked(name: str, value: object) -> object:
    if value is None and name not in REQUIRED:
        return None
    return _CHECKS[name](name, value)


def _instant(name: str, value: object) -> str:
    try:
        return instant_text(value if isinstance(value, str) else "")
    except ValueError:
        raise _wrong(name) from None


def _identifier(name: str, value: object) -> str:
    if isinstance(value, bool) or not isinstance(value, str | int):
        raise _wrong(name)
    return str(value)


def _text(name: str, value: object) -> str:
    if not isinstance(value, str):
        raise _wrong(name)
    return value


def _boolean(name: str, value: object) -> bool:
    if not isinstance(value, bool):
        raise _wrong(name)
    return value


def _kind(name: str, value: object) -> str:
    if value not in KINDS:
        raise _wrong(name)
    return str(value)


def _invitee(name: str, value: object) -> Record:
    if not isinstance(value, dict):
        raise _wrong(name)
    found: Record = {key: value[key] for key in ("name", "email") if key in value}
    if "name" in found and not _text("invitee.name", found["name"]).strip():
        raise _wrong("invitee.name")
    if found.get("email") is not None and "@" not in _text("invitee.email", found["email"]):
        raise _wrong("invitee.email")
    return found


def _answers(name: str, value: object) -> list[Record]:
    if not isinstance(value, list) or not all(isinstance(one, dict) for one in value):
        raise _wrong(name)
    return [{key: _text(f"{name}.{key}", one.get(key)) for key in ("field", "value")} for one in value]


def _wrong(name: str) -> Refused:
    return bad_request(f"{name} is not valid")


_CHECKS: dict[str, Callable[[str, object], object]] = {
    "expectedArrivalAt": _instant,
    "expectedDepartureAt": _instant,
    "locationId": _identifier,
    "flowId": _identifier,
    "hostEmployeeId": _identifier,
    "invitee": _invitee,
    "notes": _text,
    "sendEmailToInvitee": _boolean,
    "customFields": _answers,
    "type": _kind,
}
