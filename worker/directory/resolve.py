"""Resolve a location or flow by Envoy id or by name, or say what is wrong and what is near."""

import difflib
import hashlib
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from functools import cached_property, lru_cache
from typing import Protocol, TypeAlias, TypeVar
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from worker.directory.entries import Flow, Location
from worker.errors import InputError
from worker.folding import fold

MOST_HINTS = 3
LONG = 255  # letters; what is longer when it is folded is remembered by its digest


class _Named(Protocol):
    @property
    def envoy_id(self) -> str: ...
    @property
    def name(self) -> str: ...


Entry = TypeVar("Entry", bound=_Named)
# Entries by their ids, and by the keys of their names: each row of a page asks for some.
_ByKey: TypeAlias = tuple[Mapping[str, Sequence[Entry]], Mapping[str, Sequence[Entry]]]


@lru_cache(maxsize=1024)  # rows name the same few places again and again
def name_key(name: str) -> str:
    """Return what two spellings of a name share, and no others."""
    key = fold(name)
    return key if len(key) <= LONG else hashlib.sha256(key.encode()).hexdigest()


@dataclass(frozen=True)
class Directory:
    """The locations and flows of one connection, as last read from Envoy; one thread's."""

    locations: Sequence[Location]
    flows: Sequence[Flow]
    refreshed_at: datetime | None = None

    def location(self, wanted: str) -> Location:
        """Return the location of that id or name.

        Raises:
            InputError: ``location_unknown``, ``location_ambiguous`` or ``location_disabled``.
        """
        found = _matching(self._locations_by_key, wanted)
        usable = [entry for entry in found if entry.enabled]
        if not found:
            raise _unknown("location", wanted, self.locations)
        if not usable:
            raise InputError("location", "the location is disabled in Envoy", code="location_disabled")
        return _only("location", wanted, usable)

    def flow(self, wanted: str, location: Location) -> Flow:
        """Return the flow of that id or name which serves *location*; its own goes before a global one.

        Raises:
            InputError: ``flow_unknown``, ``flow_ambiguous``, ``flow_disabled``, ``flow_not_for_visitors``
                or ``flow_of_other_location``.
        """
        found = _matching(self._flows_by_key, wanted)
        if not found:
            here = [flow for flow in self.flows if flow.location_id in {None, location.envoy_id}]
            raise _unknown("flow", wanted, here)
        serving = [flow for flow in found if flow.location_id in {None, location.envoy_id}]
        if not serving:
            raise InputError("flow", "the flow belongs to another location", code="flow_of_other_location")
        enabled = [flow for flow in serving if flow.enabled]
        if not enabled:
            raise InputError("flow", "the flow is disabled in Envoy", code="flow_disabled")
        usable = [flow for flow in enabled if flow.type in {None, "VISITOR"}]
        if not usable:
            raise InputError("flow", "the flow is not for visitors", code="flow_not_for_visitors")
        own = [flow for flow in usable if flow.location_id is not None]
        return _only("flow", wanted, own or usable)

    @cached_property
    def _locations_by_key(self) -> "_ByKey[Location]":
        return _by_key(self.locations)

    @cached_property
    def _flows_by_key(self) -> "_ByKey[Flow]":
        return _by_key(self.flows)


def zone_of(location: Location) -> ZoneInfo | None:
    """Return the location's time zone, None if Envoy gave none that is known here."""
    try:
        return ZoneInfo(location.timezone) if location.timezone else None
    except (ZoneInfoNotFoundError, ValueError, OSError):
        return None


def _by_key(entries: Sequence[Entry]) -> _ByKey[Entry]:
    ids: dict[str, list[Entry]] = defaultdict(list)
    names: dict[str, list[Entry]] = defaultdict(list)
    for entry in entries:
        ids[entry.envoy_id].append(entry)
        names[name_key(entry.name)].append(entry)
    return ids, names


def _matching(by_key: _ByKey[Entry], wanted: str) -> Sequence[Entry]:
    ids, names = by_key
    return ids.get(wanted.strip()) or names.get(name_key(wanted), ())


def _only(kind: str, wanted: str, entries: Sequence[Entry]) -> Entry:
    """Return the one that is meant: of several names that differ in their spelling, the exact one."""
    exact = [entry for entry in entries if entry.name.strip() == wanted.strip()]
    for meant in (entries, exact):
        if len(meant) == 1:
            return meant[0]
    ids = ", ".join(sorted(entry.envoy_id for entry in entries))
    raise InputError(
        kind, f"several {kind}s have this name", code=f"{kind}_ambiguous", hint=f"use an Envoy id: {ids}"
    )


def _unknown(kind: str, wanted: str, entries: Iterable[_Named]) -> InputError:
    names = {name_key(entry.name): entry.name for entry in entries}
    near = difflib.get_close_matches(name_key(wanted), names, n=MOST_HINTS, cutoff=0.5)
    shown = [names[key] for key in near] or sorted(names.values())[:MOST_HINTS]
    hint = f"known and near: {', '.join(shown)}" if shown else f"Envoy shows this connection no {kind}s"
    return InputError(kind, f"no such {kind} in Envoy", code=f"{kind}_unknown", hint=hint)
