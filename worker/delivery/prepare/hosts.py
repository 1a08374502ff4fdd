"""Say who is the host of a visit: the employee that a row means, if that one belongs to the location."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass

from worker.connections.model import Connection
from worker.connections.scopes import READ_EMPLOYEES, has_scope
from worker.delivery.content import blank_to_none
from worker.delivery.due import DueRow
from worker.directory import Directory
from worker.directory.employees import By, Look, Person, Sought
from worker.directory.entries import Location
from worker.errors import InputError

MOST_CANDIDATES = 10
COLUMNS = {By.EMAIL: "host_email", By.ID: "host_employee_id"}
WHAT = {By.EMAIL: "e-mail", By.ID: "id"}


@dataclass(frozen=True, slots=True)
class Place:
    """Where the visit is, among the locations of its connection."""

    location: Location
    directory: Directory


def sought(row: DueRow) -> Sought | None:
    """Return whom the row means: by id, else by e-mail; None if it names no host."""
    employee_id, email = blank_to_none(row.host_employee_id), blank_to_none(row.host_email)
    if employee_id:
        return Sought(By.ID, employee_id)
    # lower() and not casefold(), which makes another address of some: Envoy is asked for this one.
    return Sought(By.EMAIL, email.lower()) if email else None


def host_of(
    row: DueRow,
    place: Place,
    connection: Connection,
    *,
    known: Callable[[Sought], Look | None],
    look_up: Callable[[Sought], Look | None],
) -> str | None:
    """Return the employee id of the row's host, None if it has none.

    *known* is what is kept of an earlier look; *look_up* asks Envoy, and gives None if it must not.
    An id that may not be looked up is taken as it is: Envoy judges it.

    Raises:
        InputError: ``host_unknown``, ``host_ambiguous``, ``host_elsewhere`` or ``host_lookup_not_permitted``.
    """
    wanted = sought(row)
    if wanted is None:
        return None
    as_given = wanted.value if wanted.by is By.ID else None
    if not has_scope(connection, READ_EMPLOYEES):
        if as_given is None:
            raise not_permitted()
        return as_given
    look = known(wanted)
    if look is None or _is_overtaken(wanted, look, place, row):
        look = look_up(wanted)
    return pick(wanted, look, place) if look is not None else as_given


def _is_overtaken(wanted: Sought, look: Look, place: Place, row: DueRow) -> bool:
    """Return whether the look refuses a row that fell due after it: Envoy may know more by now."""
    try:
        pick(wanted, look, place)
    except InputError:
        return look.read_at < max(row.changed_at, row.next_attempt_at)
    return False


def pick(wanted: Sought, look: Look, place: Place) -> str:
    """Return the id of the one who was sought and belongs to the place.

    Raises:
        InputError: ``host_unknown``, ``host_ambiguous`` or ``host_elsewhere``.
    """
    exact = look.exact
    here = [person for person in exact if place.location.envoy_id in person.location_ids]
    if len(here) == 1:
        return here[0].id
    if not exact:
        raise _unknown(wanted, look.people)
    if len(exact) > 1:
        raise _ambiguous(here or exact)
    if exact[0].location_ids:
        raise _elsewhere(wanted, exact[0], place.directory)
    return exact[0].id  # Envoy did not say where they belong


def not_permitted() -> InputError:
    """Return the refusal of a host by e-mail where Envoy does not let us look."""
    return InputError(
        "host_email",
        f"a host by e-mail needs the scope {READ_EMPLOYEES}, which this connection does not hold",
        code="host_lookup_not_permitted",
        hint=f"give host_employee_id, or add {READ_EMPLOYEES} to envoy.scopes and connect again",
    )


def not_searchable(error_code: str) -> InputError:
    """Return the refusal of a host by an e-mail that Envoy will not look for."""
    return InputError(
        "host_email",
        f"Envoy refuses to look for this e-mail ({error_code})",
        code="host_unknown",
        hint="correct it, or give host_employee_id",
    )


def _unknown(wanted: Sought, near: Iterable[Person]) -> InputError:
    message = f"no employee in Envoy has this {WHAT[wanted.by]}"
    ids = _ids(near)
    hint = f"known and near, by employee id: {ids}" if ids else ""
    return InputError(COLUMNS[wanted.by], message, code="host_unknown", hint=hint)


def _ambiguous(people: Iterable[Person]) -> InputError:
    hint = f"use host_employee_id: {_ids(people)}"
    return InputError("host_email", "several employees have this e-mail", code="host_ambiguous", hint=hint)


def _elsewhere(wanted: Sought, person: Person, directory: Directory) -> InputError:
    names = {location.envoy_id: location.name for location in directory.locations}
    places = sorted(names.get(place) or place for place in person.location_ids)
    return InputError(
        COLUMNS[wanted.by],
        "the host does not belong to this location",
        code="host_elsewhere",
        hint=f"employee {person.id} belongs to: {_some(places)}",
    )


def _ids(people: Iterable[Person]) -> str:
    return _some(sorted(person.id for person in people))


def _some(words: list[str]) -> str:
    more = ", ..." if len(words) > MOST_CANDIDATES else ""
    return ", ".join(words[:MOST_CANDIDATES]) + more
