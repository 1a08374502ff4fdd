"""What an update empties, and an Envoy that does not empty it: the rest goes through, the clear is told.

Whether Envoy takes null for "clear" is not documented.  An update that it refuses (400, 422) is sent once
more without its clears.  If that goes through, the clears were what it refused: they are told, and tried
again beside the next thing that has to be sent, but are no reason to send anything.  If it is refused as
well, the fault is elsewhere in the row.
"""

from collections.abc import Collection, Mapping
from collections.abc import Set as AbstractSet
from http import HTTPStatus
from typing import Any

from worker.delivery.sent_content import IN_DOUBT, KEPT, LEFT_OUT, Content, changes, stored
from worker.envoy.resources import Invite
from worker.errors import EnvoyError, Refused

NOT_CLEARED = "not_cleared"
EMAIL = "invitee.email"
MAY_BE_A_NULL = frozenset({HTTPStatus.BAD_REQUEST, HTTPStatus.UNPROCESSABLE_ENTITY})

Before = Mapping[str, Any] | None


def emptied(body: Content) -> frozenset[str]:
    """Return the fields that an update empties."""
    fields = {key for key, value in body.items() if value in (None, [])}
    invitee = body.get("invitee") or {}
    return frozenset(fields | ({EMAIL} if "email" in invitee and invitee["email"] is None else set()))


def without(body: Content, names: Collection[str]) -> Content:
    """Return content without these fields."""
    rest = {key: value for key, value in body.items() if key not in names}
    if EMAIL in names and isinstance(rest.get("invitee"), dict):
        rest["invitee"] = {key: value for key, value in rest["invitee"].items() if key != "email"}
    return rest


def may_be_why(body: Content, error: EnvoyError) -> bool:
    """Return whether Envoy may have refused an update for what it empties."""
    return isinstance(error, Refused) and error.http_status in MAY_BE_A_NULL and bool(emptied(body))


def when_refused(before: Before, body: Content) -> Content:
    """Return what Envoy has after such a refusal: what it had; the next update leaves the clears out."""
    return {**stored(before), LEFT_OUT: sorted(left_out_of(before) | emptied(body))}


def when_refused_without(before: dict[str, Any] | None) -> Content | None:
    """Return what Envoy has once the row was refused for something else: its clears may be tried again."""
    return None if before is None else {key: value for key, value in before.items() if key != LEFT_OUT}


def left_out_of(before: Before) -> frozenset[str]:
    """Return the fields that the next update must not empty."""
    return frozenset((before or {}).get(LEFT_OUT, ()))


def kept_of(before: Before, after: Content) -> frozenset[str]:
    """Return the fields that shall be empty, and that Envoy has kept."""
    filled = {EMAIL} if "email" in after["invitee"] else set()
    return frozenset((before or {}).get(KEPT, ())) - after.keys() - filled


def is_settled(before: Before, after: Content) -> bool:
    """Return whether nothing has to be sent; what Envoy does not empty is no reason to."""
    return not changes(before, after) or not changes(_as_if_emptied(before, after), after)


def not_emptied(body: Content, left_out: AbstractSet[str], answer: Invite | None) -> AbstractSet[str]:
    """Return the fields that Envoy still has, or may have where its answer does not show them.

    Which flow is none is Envoy's to say, so that an answer with one is no proof.
    """
    if answer is None:
        return left_out
    return ((emptied(body) - {"flowId"}) & answer.filled) | (left_out - answer.empty)


def keeping(content: Content, before: Before, names: Collection[str]) -> Content:
    """Return what Envoy has after an update that did not empty these fields."""
    had = stored(before)
    kept: Content = {name: had.get(name, IN_DOUBT) for name in names if name != EMAIL}
    if EMAIL in names:
        # Which address it is may not be known, but there is one.
        email = had["invitee"].get("email", "") if isinstance(had.get("invitee"), dict) else ""
        kept["invitee"] = {**content["invitee"], "email": email}
    return {**content, **kept, KEPT: sorted(names)}


def told(names: Collection[str]) -> tuple[str, str]:
    """Return the error code and the words for fields that Envoy still has."""
    return NOT_CLEARED, f"Envoy kept what was cleared: {', '.join(sorted(names))}"


def _as_if_emptied(before: Before, after: Content) -> Before:
    return before if before is None else without(dict(before), kept_of(before, after))
