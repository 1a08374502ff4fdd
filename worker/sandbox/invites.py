"""The invites that the sandbox holds.

Like Envoy, it knows no idempotency key: every create makes one more invite.
"""

import secrets
from dataclasses import dataclass, field, replace

from worker.sandbox.directory import Directory
from worker.sandbox.refusals import contradictory, missing
from worker.sandbox.values import Clock, Record, utc_text

FIRST_INVITE = 40000001


@dataclass(frozen=True, slots=True)
class Held:
    """One invite: what was asked for, and what the API answers for it."""

    company_id: str
    wanted: Record = field(repr=False)
    data: Record = field(repr=False)
    made_at: float = 0.0


@dataclass(slots=True)
class Invites:
    """All invites of all companies, oldest first."""

    directory: Directory
    clock: Clock
    _held: dict[str, Held] = field(default_factory=dict, repr=False)
    _made: int = 0

    def create(self, company_id: str, wanted: Record, *, approval: str = "") -> Held:
        """Hold a new invite, whether or not there is an equal one; *approval* replaces its flow's."""
        content = self._content(company_id, wanted, approval)
        now = self.clock()
        data = {
            "id": str(FIRST_INVITE + self._made),
            "createdAt": utc_text(now),
            **content,
            "secretToken": secrets.token_urlsafe(12),
            "photoUrl": None,
            "recurringInviteId": None,
        }
        self._made += 1
        held = Held(company_id, wanted, data, now)
        self._held[data["id"]] = held
        return held

    def update(self, company_id: str, invite_id: str, changes: Record, *, approval: str = "") -> Held:
        """Change the fields named; what is left must fit together as for a new invite."""
        old = self.get(company_id, invite_id)
        # Envoy documents partial bodies, not partial invitees; merging them loses nothing.
        invitee = {**old.wanted["invitee"], **changes.get("invitee", {})}
        wanted = {**old.wanted, **changes, "invitee": invitee}
        data = {**old.data, **self._content(company_id, wanted, approval)}
        held = replace(old, wanted=wanted, data=data)
        self._held[invite_id] = held
        return held

    def remove(self, company_id: str, invite_id: str) -> Held:
        """Take an invite out and return it; Refused with 404 the second time."""
        held = self.get(company_id, invite_id)
        del self._held[invite_id]
        return held

    def get(self, company_id: str, invite_id: str) -> Held:
        """Return one invite of a company; Refused with 404 if it has none of that id."""
        held = self._held.get(invite_id)
        if held is None or held.company_id != company_id:
            raise missing("invite")
        return held

    def all(self) -> list[Held]:
        """Return every invite of every company."""
        return list(self._held.values())

    def listed(self, company_id: str, lag_seconds: float) -> list[Record]:
        """Return what a company's reads show: nothing that is younger than the lag."""
        limit = self.clock() - lag_seconds
        return [h.data for h in self._held.values() if h.company_id == company_id and h.made_at <= limit]

    def shown(self, company_id: str, invite_id: str, lag_seconds: float) -> Record:
        """Return one invite as a read shows it; Refused with 404 while it is younger than the lag."""
        held = self.get(company_id, invite_id)
        if held.made_at > self.clock() - lag_seconds:
            raise missing("invite")
        return held.data

    def _content(self, company_id: str, wanted: Record, approval: str) -> Record:
        arrival, departure = wanted["expectedArrivalAt"], wanted.get("expectedDepartureAt")
        if departure and departure < arrival:
            raise contradictory("the departure is before the arrival")
        place = self.directory.place(company_id, wanted)
        waits = self.directory.needs_approval(company_id, place.flow)
        host = place.host and {key: place.host[key] for key in ("name", "email")}
        notify = wanted.get("sendEmailToInvitee")
        return {
            "updatedAt": utc_text(self.clock()),
            "expectedArrivalAt": arrival,
            "expectedDepartureAt": departure,
            "type": place.flow["type"] if place.flow else wanted.get("type") or "VISITOR",
            "flowId": place.flow["id"] if place.flow else None,
            "locationId": place.location["id"],
            "approvalStatus": approval or ("PENDING" if waits else "APPROVED"),
            "notes": wanted.get("notes"),
            "customFields": wanted.get("customFields") or [],
            # Left out means yes here: anyone who forgets to say no shall see it.
            "sendEmailToInvitee": True if notify is None else notify,
            "invitee": {"name": wanted["invitee"]["name"], "email": wanted["invitee"].get("email")},
            "host": host,
        }
