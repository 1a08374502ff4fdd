"""What is stored of Envoy's content while not all of it is known, and what must be sent to change it."""

from collections.abc import Mapping
from typing import Any

Content = dict[str, Any]

# Stands for the value of a field while it is not known which one Envoy has; equal to no value.
IN_DOUBT = {"in_doubt": True}
# No fields: their presence says that Envoy may not have the invite any more, ...
REMOVAL = "removal"  # since a remove of ours may have been executed
MISSING = "missing"  # since an update was answered 404; but it named this place, which may be what is missing
# Envoy wants these to agree with each other, so that they travel together; a 404 may speak of each.
TOGETHER = ("locationId", "flowId", "hostEmployeeId")
# What may have to be cleared; no flow means the one that Envoy chose, which is not ours to take away.
ALL_BUT_FLOW = (
    "expectedArrivalAt", "expectedDepartureAt", "locationId", "hostEmployeeId", "invitee", "notes",
    "sendEmailToInvitee", "customFields",
)  # fmt: skip


def changes(before: Mapping[str, Any] | None, after: Content) -> Content:
    """Return the part of *after* that must be sent, empty where nothing differs.

    A field that was cleared is sent as null, a list as empty.  Location, flow and host go together.
    Of content that is not known (None) everything is sent, and what is not given is cleared.
    """
    before = _all_in_doubt() if before is None else before
    changed = {key for key in {*before, *after} if before.get(key) != after.get(key)} - {REMOVAL, MISSING}
    if not changed:
        return {}
    if changed.intersection(TOGETHER):
        changed.update(key for key in TOGETHER if key in after or key in before)
    body = {key: _sent(key, before.get(key), after) for key in sorted(changed)}
    return {**body, "sendEmailToInvitee": after["sendEmailToInvitee"]}


def cleared(body: Content) -> set[str]:
    """Return the fields that an update empties; which flow is none is Envoy's to say."""
    fields = {key for key, value in body.items() if value in (None, [])} - {"flowId"}
    invitee = body.get("invitee") or {}
    return fields | ({"invitee.email"} if "email" in invitee and invitee["email"] is None else set())


def place_of(content: Mapping[str, Any]) -> Content:
    """Return the ids that Envoy may not have: of location, flow and host."""
    return {key: content[key] for key in TOGETHER if content.get(key) is not None}


def is_moved(before: Mapping[str, Any], after: Content) -> bool:
    """Say whether an update must name the place."""
    return any(before.get(key) != after.get(key) for key in TOGETHER)


def names_a_place(body: Content) -> bool:
    """Say whether a 404 may speak of something else than of the invite."""
    return bool(body.keys() & set(TOGETHER))


def without_place(before: Mapping[str, Any], after: Content) -> Content:
    """Return an update that only the invite itself can be missing for."""
    body = changes(before, after) or {"sendEmailToInvitee": after["sendEmailToInvitee"]}
    kept = {key: value for key, value in body.items() if key not in TOGETHER}
    return {**kept, "invitee": _invitee(before.get("invitee"), after)}


def in_the_old_place(before: Mapping[str, Any], after: Content) -> Content:
    """Return what Envoy has once it took an update without the place: then it has the invite, too."""
    place = {key: before[key] for key in TOGETHER if key in before}
    return {key: value for key, value in after.items() if key not in TOGETHER} | place


def while_updating(before: Mapping[str, Any] | None, body: Content) -> Content | None:
    """Return what Envoy has while an update is on its way: its fields are sent until an answer is clear."""
    return None if before is None else {**before, **dict.fromkeys(body, IN_DOUBT)}


def while_removing(before: Mapping[str, Any] | None) -> Content:
    """Return what Envoy has while a remove is on its way: maybe nothing."""
    return dict.fromkeys([*(_all_in_doubt() if before is None else before), REMOVAL], IN_DOUBT)


def when_missing(before: Mapping[str, Any] | None, body: Content) -> Content:
    """Return what Envoy has after a 404 to an update that named a place: maybe nothing."""
    return {**(_all_in_doubt() if before is None else before), MISSING: place_of(body)}


def when_refused(before: Mapping[str, Any] | None, *, removing: bool) -> Content | None:
    """Return what Envoy has after a 404 that nothing proves: as before, or nothing.

    Something is in doubt, so that a change back is sent, and one who wants the visit again learns of it.
    """
    if before is None:
        return None
    removal = {REMOVAL: IN_DOUBT} if removing else {}
    return {**before, "sendEmailToInvitee": IN_DOUBT, **removal}


def may_be_gone(before: Mapping[str, Any] | None) -> bool:
    """Say whether a remove of ours may have been executed."""
    return REMOVAL in (before or ())


def is_asked_for(before: Mapping[str, Any] | None, after: Content) -> bool:
    """Say whether the next update must show that the invite is still there.

    Not where it moves to another place than the one of the 404: that one was not refused yet.
    """
    if before is None or MISSING not in before:
        return False
    return bool(before[MISSING] == place_of(after)) or not is_moved(before, after)


def _all_in_doubt() -> Content:
    """Return content of which nothing is known."""
    return dict.fromkeys(ALL_BUT_FLOW, IN_DOUBT)


def _sent(key: str, before: Any, after: Content) -> Any:  # noqa: ANN401 -- a value of Envoy's JSON
    if key == "customFields":
        return after.get(key) or []
    return _invitee(before, after) if key == "invitee" else after.get(key)


def _invitee(before: Mapping[str, Any] | None, after: Content) -> Content:
    """Return the invitee: one that is sent without an e-mail may keep the one it had."""
    had_email = before == IN_DOUBT or "email" in (before or {})
    cleared_email = {"email": None} if had_email and "email" not in after["invitee"] else {}
    return {**after["invitee"], **cleared_email}
