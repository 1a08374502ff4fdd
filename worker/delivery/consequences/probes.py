"""After a refusal that may not be Envoy's own: ask for what is surely there, and for the invite itself."""

from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from worker.connections.model import CONNECTIONS
from worker.connections.rows import look
from worker.connections.store import note_reading
from worker.connections.tokens.access import Tokens
from worker.database import Database
from worker.database.repeating import repeated
from worker.delivery.content import blank_to_none
from worker.delivery.due import DueRow
from worker.delivery.lanes.lane import Work
from worker.delivery.reconcile.matching import NEAR
from worker.delivery.reconcile.unknown_rows import controls
from worker.delivery.refusals import evidence_of, is_settled, speaks_of_the_invite
from worker.delivery.sent_content import names_a_place
from worker.directory import Directory, load, refresh
from worker.envoy.api import EnvoyApi
from worker.envoy.resources import instant
from worker.errors import EnvoyError, Forbidden, InputError, Refused
from worker.invites.literals import PENDING
from worker.invites.model import DELIVERIES

Moments = dict[str, datetime]


@dataclass(frozen=True, slots=True)
class Proving:
    """Finds out whether refusals are Envoy's own; shared by the sender threads of a run."""

    database: Database
    api: EnvoyApi
    tokens: Tokens

    def prove(self, work: Work, token: str, error: EnvoyError) -> bool:
        """Store what Envoy answers after a refusal; return whether the row is due at once for it.

        For one row of a connection at a time: what the first finds out serves all that were refused before.

        Raises:
            NeedsAuthorisation, TryLater, EnvoyError: Envoy does not answer as it should.
        """
        row = self._as_stored(work.row)
        if row is None or row.refused_at is None:
            return False
        try:
            self._ask(work, row, token, asked_for=speaks_of_the_invite(work.call, error))
        except Forbidden:
            return False
        row = self._as_stored(row) or row
        evidence = evidence_of(self.database, row, work.call, error, reads=work.lane.may_read)
        settled = is_settled(work.call, error, evidence) or self._place_is_gone(work, row)
        return settled and self._make_due(row)

    def _as_stored(self, row: DueRow) -> DueRow | None:
        own = DELIVERIES.c
        query = sa.select(own.refused_at, own.gone_at, own.error_code).where(
            own.id == row.delivery_id, own.status == PENDING
        )
        with self.database.read() as connection:
            found = connection.execute(query).mappings().one_or_none()
        return None if found is None else replace(row, **found)

    def _ask(self, work: Work, row: DueRow, token: str, *, asked_for: bool) -> None:
        """Ask what was not answered since the row was refused first; it counts from before the asking."""
        connection, began = look(self.database, work.lane.connection_id)
        if connection is None:
            return
        since = row.refused_at
        if not _is_since(connection.probed_at, since, began):
            self.api.probe(token)
            self._note(CONNECTIONS, work.lane.connection_id, probed_at=began)
        if work.lane.may_read:
            try:
                if not _is_since(connection.known_read_at, since, began) and self._reads_known(row, token):
                    self._note(CONNECTIONS, work.lane.connection_id, known_read_at=began)
                if asked_for and row.gone_at is None and self._is_gone(work, row, token):
                    self._note(DELIVERIES, row.delivery_id, gone_at=began)
            except Forbidden:
                note_reading(self.database, work.lane.connection_id, can_read=False)
                work.lane.may_read = False

    def _reads_known(self, row: DueRow, token: str) -> bool:
        """Return whether Envoy shows one of the invites that it surely has."""
        for envoy_id, _ in controls(self.database, row.connection, location_id=None):
            if envoy_id != row.envoy_invite_id and self.api.has_invite(token, envoy_id):
                return True
        return False

    def _is_gone(self, work: Work, row: DueRow, token: str) -> bool:
        """Return whether Envoy knows no invite of that id, nor lists it where a known one is listed."""
        place = self._place(work, row)
        if place is None or row.envoy_invite_id is None:
            return False
        if self.api.has_invite(token, row.envoy_invite_id):
            return False
        location_id, arrival = place
        if not self._lists_known(row, location_id, token):
            return False
        return row.envoy_invite_id not in self._listed(token, location_id, arrival)

    def _lists_known(self, row: DueRow, location_id: str, token: str) -> bool:
        for envoy_id, content in controls(self.database, row.connection, location_id=location_id):
            place, arrival = _sent_to(content)
            if place != location_id or arrival is None or envoy_id == row.envoy_invite_id:
                continue
            if envoy_id in self._listed(token, location_id, arrival):
                return True
        return False

    def _listed(self, token: str, location_id: str, arrival: datetime) -> set[str]:
        listing = self.api.find_invites(
            token, location_id=location_id, arrival_after=arrival - NEAR, arrival_before=arrival + NEAR
        )
        return {invite.id for invite in listing.invites}

    def _place(self, work: Work, row: DueRow) -> tuple[str, datetime] | None:
        """Return where and when Envoy has the invite: as it was sent, or else as the row has it now."""
        place, arrival = _sent_to(row.sent_content or {})
        if place is None:
            place = self._place_of_row(work, row)
        return None if place is None else (place, arrival or row.expected_arrival_at)

    def _place_of_row(self, work: Work, row: DueRow) -> str | None:
        connection, _ = look(self.database, work.lane.connection_id)
        wanted = blank_to_none(row.location) or (connection and blank_to_none(connection.default_location))
        try:
            return load(self.database, work.lane.connection_id).location(wanted or "").envoy_id
        except InputError:
            return None

    def _place_is_gone(self, work: Work, row: DueRow) -> bool:
        """Read the directory again where the row names a place; say whether Envoy lacks that place."""
        connection, now = look(self.database, work.lane.connection_id)
        if connection is None or not names_a_place(work.call.body):
            return False
        if _is_since(connection.directory_refreshed_at, row.refused_at, now):
            return False
        try:
            directory = refresh(self.database, self.api, self.tokens, connection)
        except Refused:
            return False
        return not _has(directory, work.call.body)

    @repeated
    def _make_due(self, row: DueRow) -> bool:
        own = DELIVERIES.c
        same = sa.and_(own.id == row.delivery_id, own.status == PENDING, own.refused_at == row.refused_at)
        with self.database.write() as connection:
            changed = connection.execute(
                sa.update(DELIVERIES).where(same).values(next_attempt_at=self.database.now())
            )
        return changed.rowcount > 0

    @repeated
    def _note(self, table: sa.Table, number: int, **moments: datetime) -> None:
        with self.database.write() as connection:
            connection.execute(sa.update(table).where(table.c.id == number).values(**moments))


def _sent_to(content: dict[str, Any]) -> tuple[str | None, datetime | None]:
    """Return the location and the arrival that Envoy was sent, None if that is not known."""
    place = content.get("locationId")
    return (place if isinstance(place, str) else None), instant(content.get("expectedArrivalAt"))


def _is_since(moment: datetime | None, since: datetime | None, now: datetime) -> bool:
    return moment is not None and since is not None and since <= moment <= now


def _has(directory: Directory, body: dict[str, Any]) -> bool:
    """Return whether a directory has the location and the flow that a body names."""
    locations = {location.envoy_id for location in directory.locations}
    flows = {flow.envoy_id for flow in directory.flows}
    return body.get("locationId") in {None, *locations} and body.get("flowId") in {None, *flows}
