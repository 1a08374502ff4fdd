"""Whether one of the invites that Envoy lists is the one that a doubtful create would have made.

Pure.  Envoy keeps no key of ours, so equal content is all there is to go by; unless the marker in
``notes`` is switched on, which then decides alone.
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import Enum, auto
from typing import Any

from worker.envoy.resources import Invite as EnvoyInvite
from worker.envoy.resources import instant
from worker.folding import fold

NEAR = timedelta(minutes=1)
MOST_SHOWN = 10
# How much an invite may seem older than the attempt that made it: two clocks, one of them not ours.
CREATED_MARGIN = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class Sought:
    """What a create would have made; ``begun_at`` is when it was tried, on Envoy's clock."""

    location_id: str
    arrival: datetime
    name: str = field(repr=False)
    email: str | None = field(repr=False)
    marker: str | None
    begun_at: datetime


class Match(Enum):
    """What the list says."""

    FOUND = auto()
    NOTHING = auto()
    SEVERAL = auto()  # which of them is ours cannot be told
    NEAR = auto()  # nothing equal, but something that may be ours all the same
    OLDER = auto()  # equal, but there before we tried


@dataclass(frozen=True, slots=True)
class Judgement:
    """What a list says of one doubtful create, and the invites that it rests on."""

    match: Match
    invites: tuple[EnvoyInvite, ...] = ()

    @property
    def ids(self) -> str:
        """Their ids, for the ledger and for a person; the first ones, where there are many."""
        shown = ", ".join(invite.id for invite in self.invites[:MOST_SHOWN])
        return f"{shown} and {len(self.invites) - MOST_SHOWN} more" if self.invites[MOST_SHOWN:] else shown


def sought_in(content: dict[str, Any], *, marker: str | None, begun_at: datetime) -> Sought | None:
    """Return what to look for, None if the stored content does not say (any more).

    A *marker* counts only if it was sent: the setting may be newer.
    """
    invitee, arrival = content.get("invitee"), instant(content.get("expectedArrivalAt"))
    if not isinstance(invitee, dict) or not invitee.get("name") or arrival is None:
        return None
    place = str(content.get("locationId", ""))
    sent_marker = marker if marker and marker in (content.get("notes") or "") else None
    return Sought(place, arrival, invitee["name"], invitee.get("email"), sent_marker, begun_at)


def judge(sought: Sought, listed: Iterable[EnvoyInvite], *, owned: Collection[str]) -> Judgement:
    """Return what the list says; *owned* are ids that other invites of ours have."""
    at_hand = [invite for invite in listed if invite.id not in owned and _is_there(sought, invite)]
    equal = tuple(invite for invite in at_hand if _is_equal(sought, invite))
    if len(equal) > 1:
        return Judgement(Match.SEVERAL, equal)
    if equal:
        return Judgement(Match.OLDER if _is_older(sought, equal[0]) else Match.FOUND, equal)
    near = tuple(invite for invite in at_hand if _is_near(sought, invite))
    return Judgement(Match.NEAR, near) if near else Judgement(Match.NOTHING)


def _is_there(sought: Sought, invite: EnvoyInvite) -> bool:
    arrival = invite.expected_arrival_at
    # What Envoy does not say, or not readably, is as it was asked for.
    at_the_time = arrival is None or abs(arrival - sought.arrival) < NEAR
    return at_the_time and invite.location_id in {None, sought.location_id}


def _is_equal(sought: Sought, invite: EnvoyInvite) -> bool:
    if sought.marker is not None:
        return fold(sought.marker) in fold(invite.notes)
    arrival = invite.expected_arrival_at
    same_time = arrival is not None and arrival.replace(microsecond=0) == sought.arrival
    same_place = invite.location_id == sought.location_id
    # No e-mail equals none only: another row of ours may have the same name, and one.
    same_email = fold(sought.email) == fold(invite.email)
    return same_time and same_place and same_email and fold(sought.name) == fold(invite.name)


def _is_near(sought: Sought, invite: EnvoyInvite) -> bool:
    """Return whether it may be ours in another form, or corrected by hand.

    Envoy may show a name as it was not written, so that a name alone proves no absence.
    """
    if _is_alike(sought, invite):
        return True
    return not _is_older(sought, invite) and not _is_another(sought, invite)


def _is_another(sought: Sought, invite: EnvoyInvite) -> bool:
    """Return whether e-mail and name are there on both sides, and both differ."""
    both = ((sought.email, invite.email), (sought.name, invite.name))
    pairs = [(fold(ours), fold(theirs)) for ours, theirs in both]
    return all(ours and theirs and ours != theirs for ours, theirs in pairs)


def _is_alike(sought: Sought, invite: EnvoyInvite) -> bool:
    same_email = sought.email is not None and fold(sought.email) == fold(invite.email)
    return same_email or fold(sought.name) == fold(invite.name)


def _is_older(sought: Sought, invite: EnvoyInvite) -> bool:
    return invite.created_at is not None and invite.created_at < sought.begun_at - CREATED_MARGIN
