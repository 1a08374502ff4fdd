"""Whose grant it is: the company in Envoy, as far as it is proven, and what may not be another's.

A grant of another company's would send one customer's visitors to another.  The token answer names the
company, mostly; the locations that are read with the new token name theirs, too.
"""

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from typing import Any

import sqlalchemy as sa

from worker.commands import command
from worker.connections.model import CONNECTIONS, Connection
from worker.connections.rows import change
from worker.connections.states import ConnectionStatus, HoldReason
from worker.connections.usable.rules import over_a_pause
from worker.envoy.resources import Location
from worker.errors import EnvoyError, NeedsAuthorisation, UsageError

# Reads a customer's locations with a token that is not stored yet.
Look = Callable[[str], Sequence[Location]]

# The directory's; named here, since ids that are known under another name are evidence.
LOCATIONS = sa.table("location", sa.column("connection_id"), sa.column("envoy_id"))
OTHER = HoldReason.OTHER_COMPANY
RIGHT_COMPANY = "sign in to Envoy as the right company, or connect this one under another name"


@dataclass(frozen=True, slots=True)
class Evidence:
    """What shows whose a new grant is."""

    named: str | None  # by the token answer
    shown: frozenset[str] = frozenset()  # by the locations
    location_ids: frozenset[str] = frozenset()
    unread: str = ""  # why no location could be read

    @property
    def company_id(self) -> str | None:
        """The company that is proven, None if none is: locations of several prove nothing."""
        if self.named is not None:
            return self.named
        return next(iter(self.shown)) if len(self.shown) == 1 else None


def evidence(named: str | None, token: str, look: Look) -> Evidence:
    """Return what the token answer and the locations show.

    Raises:
        UsageError: they contradict each other.
    """
    try:
        locations = look(token)
    except EnvoyError as error:
        return Evidence(named, unread=error.error_code)
    shown = frozenset(place.company_id for place in locations if place.company_id is not None)
    if named is not None and shown and named not in shown:
        raise UsageError(
            f"Envoy calls this grant one of company {named}, and its locations those of"
            f" {', '.join(sorted(shown))}; nothing was stored",
            hint="connect again; if it stays so, ask Envoy whose grant it is",
        )
    return Evidence(named, shown, frozenset(place.id for place in locations))


def require_right_company(
    connection: sa.Connection, before: Connection | None, name: str, found: Evidence
) -> None:
    """Return if a new grant may be stored under *name*, where *before* was.

    Raises:
        UsageError: it is another company's, or not proven to be the same, or the company has another name.
    """
    if before is not None:
        _require_the_same(before, found)
    other = _connected_as(connection, name, found)
    if other is not None:
        company = f"company {found.company_id}" if found.company_id else "this company"
        raise UsageError(
            f"{company} in Envoy is connected as {other} already; this grant was dropped",
            hint=f"use {other}, or remove it first with `{command('connections remove', other)}`",
        )


def note_company(connection: sa.Connection, row: Connection, company_id: str | None) -> bool:
    """Take in the company that a refresh names, in the pair's transaction; say whether it is another.

    Then the connection is held.  *row* is the connection as it was when its token was posted; the pair must
    have been written before, so that no consent can come between.
    """
    if company_id is None or company_id == row.company_id:
        return False
    own = CONNECTIONS.c.id == row.id
    is_first = row.company_id is None and _holder(connection, row.name, {company_id}) is None
    change(connection, own, **({"company_id": company_id} if is_first else over_a_pause(OTHER)))
    return not is_first


def another_companys(name: str) -> NeedsAuthorisation:
    """Return the error of a connection that is held since its grant became another company's."""
    return NeedsAuthorisation(
        f"{name}: its grant is another company's in Envoy",
        hint=f"sign in there as the right company: run `{command('connect', name)}`",
    )


def _require_the_same(before: Connection, found: Evidence) -> None:
    known, company = before.company_id, found.company_id
    if company is None and (known is not None or before.hold_reason == OTHER):
        owner = f"company {known}" if known else "another company than its last grant"
        why = f"no location could be read: {found.unread}" if found.unread else "no location names it either"
        raise UsageError(
            f"{before.name} belongs to {owner} in Envoy, and this grant names no company; it was dropped",
            hint=f"{why}; connect again, and if it stays so ask Envoy why",
        )
    if known not in {None, company}:
        raise UsageError(
            f"{before.name} belongs to company {known} in Envoy, and this grant to {company}",
            hint=RIGHT_COMPANY,
        )


def _connected_as(connection: sa.Connection, name: str, found: Evidence) -> str | None:
    """Return the other name under which the company is connected already."""
    others = _others(name)
    if found.company_id is None:
        return _holder(connection, name, found.shown) or _neighbour(connection, others, found.location_ids)
    unproven = others.where(CONNECTIONS.c.company_id.is_(None))
    return _holder(connection, name, {found.company_id}) or _neighbour(
        connection, unproven, found.location_ids
    )


def _holder(connection: sa.Connection, name: str, companies: Collection[str]) -> str | None:
    return _first(connection, _others(name).where(CONNECTIONS.c.company_id.in_(companies)))


def _neighbour(
    connection: sa.Connection, others: sa.Select[Any], location_ids: Collection[str]
) -> str | None:
    same = LOCATIONS.c.envoy_id.in_(location_ids)
    shown = sa.exists().where(LOCATIONS.c.connection_id == CONNECTIONS.c.id, same)
    return _first(connection, others.where(shown))


def _others(name: str) -> sa.Select[Any]:
    own = CONNECTIONS.c
    others = (own.name != name) & (own.status != ConnectionStatus.REMOVED)
    return sa.select(own.name).where(others).order_by(own.name)


def _first(connection: sa.Connection, names: sa.Select[Any]) -> str | None:
    name: str | None = connection.execute(names.limit(1)).scalar()
    return name
