"""What is stored of Envoy's content while not all of it is known, and what must be sent to change it."""

from collections.abc import Mapping
from typing import Any

from worker.invites.in_doubt import ALL_BUT_FLOW, IN_DOUBT, MAIL, MAYBE_MAILED

__all__ = ["ALL_BUT_FLOW", "IN_DOUBT", "MAIL", "MAYBE_MAILED"]

Content = dict[str, Any]

# No fields: their presence says that Envoy may not have the invite any more, ...
REMOVAL = "removal"  # since a remove of ours may have been executed
MISSING_PLACE = "missing"  # since an update to this place was answered 404; the place may be what is missing
# No fields either, but names of those that shall be empty and that Envoy does not empty: see clears.
LEFT_OUT, KEPT = "left_out", "kept"
NO_FIELDS = frozenset({REMOVAL, MISSING_PLACE, LEFT_OUT, KEPT})
# Envoy wants these to agree with each other, so that they travel together; a 404 may speak of each.
TOGETHER = ("locationId", "flowId", "hostEmployeeId")


def changes(before: Mapping[str, Any] | None, after: Content) -> Content:
    """Return the part of *after* that must be sent, empty where nothing differs.

    A field that was cleared is sent as null, a list as empty.  Location, flow and host go together.
    Of content that is not known (None) everything is sent, and what is not given is cleared.
    """
    before = stored(before)
    changed = {key for key in {*before, *after} if before.get(key) != after.get(key)} - NO_FIELDS
    if not changed:
        return {}
    if changed.intersection(TOGETHER):
        changed.update(key for key in TOGETHER if key in after or key in before)
    body = {key: _sent(key, before.get(key), after) for key in sorted(changed)}
    return {**body, MAIL: _mail(before, after)}


def stored(before: Mapping[str, Any] | None) -> Mapping[str, Any]:
    """Return what is known of Envoy's content; where nothing is, every field is in doubt."""
    return dict.fromkeys(ALL_BUT_FLOW, IN_DOUBT) if before is None else before


def place_of(content: Mapping[str, Any]) -> Content:
    """Return the ids that Envoy may not have: of location, flow and host."""
    return {key: content[key] for key in TOGETHER if content.get(key) is not None}


def is_moved(before: Mapping[str, Any], after: Content) -> bool:
    """Return whether an update must name the place."""
    return any(before.get(key) != after.get(key) for key in TOGETHER)


def names_a_place(body: Content) -> bool:
    """Return whether a 404 may speak of something else than of the invite."""
    return bool(body.keys() & set(TOGETHER))


def without_place(before: Mapping[str, Any], after: Content) -> Content:
    """Return an update that only the invite itself can be missing for."""
    body = changes(before, after) or {MAIL: _mail(before, after)}
    kept = {key: value for key, value in body.items() if key not in TOGETHER}
    return {**kept, "invitee": _invitee(before.get("invitee"), after)}


def in_the_old_place(before: Mapping[str, Any], after: Content) -> Content:
    """Return what Envoy has once it took an update without the place: then it has the invite, too."""
    place = {key: before[key] for key in TOGETHER if key in before}
    return {key: value for key, value in after.items() if key not in TOGETHER} | place


def while_updating(before: Mapping[str, Any] | None, body: Content) -> Content:
    """Return what Envoy has while an update is on its way: its fields are sent until an answer is clear."""
    in_doubt = {**(before or {}), **dict.fromkeys(body, IN_DOUBT)}
    return {**in_doubt, MAIL: MAYBE_MAILED} if body.get(MAIL) or may_be_mailed(before) else in_doubt


def while_removing(before: Mapping[str, Any] | None) -> Content:
    """Return what Envoy has while a remove is on its way: maybe nothing."""
    in_doubt = dict.fromkeys([*stored(before).keys() - {LEFT_OUT, KEPT}, REMOVAL], IN_DOUBT)
    return {**in_doubt, MAIL: MAYBE_MAILED} if may_be_mailed(before) else in_doubt


def when_missing(before: Mapping[str, Any] | None, body: Content) -> Content:
    """Return what Envoy has after a 404 to an update that named a place: maybe nothing."""
    return {**stored(before), MISSING_PLACE: place_of(body)}


def may_be_mailed(before: Mapping[str, Any] | None) -> bool:
    """Return whether an update in doubt asked for a mail to the visitor, which may have gone out."""
    return (before or {}).get(MAIL) == MAYBE_MAILED


def when_refused(before: Mapping[str, Any] | None, *, removing: bool) -> Content | None:
    """Return what Envoy has after a 404 that nothing proves: as before, or nothing.

    Something is in doubt, so that a change back is sent, and one who wants the visit again learns of it.
    """
    if before is None:
        return None
    removal = {REMOVAL: IN_DOUBT} if removing else {}
    return {**before, MAIL: MAYBE_MAILED if may_be_mailed(before) else IN_DOUBT, **removal}


def may_be_gone(before: Mapping[str, Any] | None) -> bool:
    """Return whether a remove of ours may have been executed."""
    return REMOVAL in (before or ())


def is_asked_for(before: Mapping[str, Any] | None, after: Content) -> bool:
    """Return whether the next update must show that the invite is still there.

    Not where it moves to another place than the one of the 404: that one was not refused yet.
    """
    if before is None or MISSING_PLACE not in before:
        return False
    return bool(before[MISSING_PLACE] == place_of(after)) or not is_moved(before, after)


def _mail(before: Mapping[str, Any] | None, after: Content) -> bool:
    """Return whether an update asks for a mail: not while the visitor may have one from an earlier try."""
    return bool(after[MAIL]) and not may_be_mailed(before)


def _sent(key: str, before: Any, after: Content) -> Any:  # noqa: ANN401 -- a value of Envoy's JSON
    if key == "customFields":
        return after.get(key) or []
    return _invitee(before, after) if key == "invitee" else after.get(key)


def _invitee(before: Mapping[str, Any] | None, after: Content) -> Content:
    """Return the invitee: one that is sent without an e-mail may keep the one it had."""
    had_email = before == IN_DOUBT or "email" in (before or {})
    cleared_email = {"email": None} if had_email and "email" not in after["invitee"] else {}
    return {**after["invitee"], **cleared_email}
