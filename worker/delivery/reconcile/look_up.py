"""Look one doubtful create up in Envoy, and say what the look means."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from worker.clock import boot_clock
from worker.connections.tokens.access import Tokens
from worker.connections.tokens.calls import with_token
from worker.database import Database
from worker.database.owner import is_of_this_boot
from worker.delivery.content import marker_of
from worker.delivery.reconcile.decision import CONTENT_GONE, Decision, Schedule, decide, left_for_a_person
from worker.delivery.reconcile.matching import NEAR, Match, judge, sought_in
from worker.delivery.reconcile.unknown_rows import LONG_AGO, Doubt, content_of, controls, former_ids, owned
from worker.envoy.api import EnvoyApi, Listing


class Looking:
    """Looks of one run; it remembers for which locations the query was seen to work.

    There is one form of query only: by location and time of arrival.  That nothing is found by it
    says something as soon as the same form has found an invite of that location that is known.
    """

    def __init__(
        self,
        database: Database,
        api: EnvoyApi,
        tokens: Tokens,
        schedule: Schedule,
        *,
        marker: bool,
    ) -> None:
        """Know of no proof yet; *marker*: creates carry words of ours in their notes."""
        self._database = database
        self._api = api
        self._tokens = tokens
        self._schedule = schedule
        self._marker = marker
        self._proofs: dict[tuple[int, str], str | None] = {}

    def look(self, doubt: Doubt, now: datetime) -> Decision:
        """Return what is to become of a doubtful create; *now* is the database's time.

        Raises:
            NeedsAuthorisation, TryLater, EnvoyError: it could not be looked up.
        """
        words = marker_of(doubt.connection, doubt.external_id) if self._marker else None
        content = content_of(self._database, doubt.delivery_id)
        sought = sought_in(content, marker=words, begun_at=doubt.started_at)
        if sought is None:
            return left_for_a_person(CONTENT_GONE, doubt.look_ups, "what was sent is not stored any more")
        listing = self._list(doubt.connection_id, sought.location_id, sought.arrival)
        known = owned(self._database, doubt.connection, [invite.id for invite in listing.invites])
        for invite in listing.invites:
            # A list that shows other places' invites says nothing about this one's.
            if invite.id in known and invite.location_id == sought.location_id:
                self._proofs[doubt.connection_id, sought.location_id] = invite.id
        others = known | former_ids(self._database, doubt.delivery_id)
        begun_at = self._begun_on_envoys_clock(doubt, listing, now)
        judgement = judge(replace(sought, begun_at=begun_at), listing.invites, owned=others)
        decides = judgement.match is Match.NOTHING and self._schedule.is_last(doubt.look_ups)
        return decide(
            judgement,
            self._schedule,
            look_ups=doubt.look_ups,
            interruptions=doubt.interruptions,
            proof=self._proof(doubt, sought.location_id) if decides else None,
            restored=doubt.restored,
        )

    def _proof(self, doubt: Doubt, location_id: str) -> str | None:
        """Return the id of a known invite at that place, looking for some where none was met, once."""
        place = doubt.connection_id, location_id
        if place not in self._proofs:
            known = controls(self._database, doubt.connection, location_id=location_id)
            found = (envoy_id for envoy_id, sent in known if self._finds(doubt.connection_id, envoy_id, sent))
            self._proofs[place] = next(found, None)
        return self._proofs[place]

    def _finds(self, connection_id: int, envoy_id: str, content: dict[str, Any]) -> bool:
        sought = sought_in(content, marker=None, begun_at=LONG_AGO)
        if sought is None:
            return False
        listing = self._list(connection_id, sought.location_id, sought.arrival)
        places = {None, sought.location_id}  # the one that was sent, where the list names none
        return any(invite.id == envoy_id and invite.location_id in places for invite in listing.invites)

    def _list(self, connection_id: int, location_id: str, arrival: datetime) -> Listing:
        return with_token(
            self._tokens,
            connection_id,
            lambda token: self._api.find_invites(
                token, location_id=location_id, arrival_after=arrival - NEAR, arrival_before=arrival + NEAR
            ),
        )

    def _begun_on_envoys_clock(self, doubt: Doubt, listing: Listing, now: datetime) -> datetime:
        """Return what Envoy's clock showed when the attempt began, where the answer tells the time.

        Since when is counted by the boot clock, where it is the same: by one that was set since then our own
        invite would seem older than the attempt that made it, or a stranger's younger.
        """
        there = now if listing.server_time is None else listing.server_time
        began = doubt.boot_seconds
        if began is None or not is_of_this_boot(doubt.owner):
            return there - (now - doubt.started_at)
        return there - timedelta(seconds=boot_clock() - began)
