"""Hold what goes to Envoy to the rules of the files once more: what callers write by SQL met none of them.

Only what differs from what Envoy has is judged, so that a visit which was sent before a rule was there can
still be moved.  ``before`` is what Envoy has, None if that is nothing, or is not known.
"""

from collections.abc import Callable, Mapping
from typing import Any, Protocol, TypeVar

from worker.delivery.content import blank_to_none, notes_of
from worker.delivery.custom_fields import OF_THE_CONNECTION
from worker.delivery.due import DueRow
from worker.errors import InputError
from worker.invites.custom_fields import FIELD, LABEL, VALUE
from worker.invites.signs import FORMS, require_email, require_fit

HOST_COLUMNS = ("host_employee_id", "host_email")

Before = Mapping[str, Any] | None
CustomFields = list[dict[str, str]] | None
Labels = Mapping[str, Any] | None


class _Place(Protocol):
    @property
    def envoy_id(self) -> str: ...

    @property
    def name(self) -> str: ...


Place = TypeVar("Place", bound=_Place)


def require_fit_visit(
    row: DueRow, fields: CustomFields, before: Before, *, defaults: Labels = None, marker: bool = False
) -> None:
    """Return where the visitor, the notes and the custom fields may be sent.

    *fields* are the row's own and the connection's *defaults*; *marker*: the notes carry words of ours.

    Raises:
        InputError: they may not; it names the column, and quotes nothing.
    """
    has = before or {}
    invitee = has.get("invitee") or {}
    if row.invitee_name != invitee.get("name"):
        _require("invitee_name", row.invitee_name)
    email = blank_to_none(row.invitee_email)
    if email is not None and email != invitee.get("email"):
        require_email("invitee_email", email, what="invitee_email ")
    notes = notes_of(row, marker=marker)
    if notes is not None and notes != has.get("notes"):
        _require("notes", notes)
    _require_fit_fields(fields or [], has.get("customFields"), row.custom_fields, defaults)


def place(field: str, wanted: str, held: object, find: Callable[[str], Place], *, own: bool) -> Place:
    """Return what *find* finds for a row's word; an odd one is right where Envoy itself has it so.

    *held* is the id that Envoy has for the visit.  A word that is not the row's *own* is a default of the
    connection's: no caller wrote it, and the row cannot be repaired for it.

    Raises:
        InputError: there is no such place, or the word is odd, which goes before.
    """
    if not own:
        return find(wanted)
    unknown: InputError | None = None
    try:
        found = find(wanted)
    except InputError as error:
        unknown = error
    else:
        if found.envoy_id == held or wanted.strip() in {found.envoy_id, found.name.strip()}:
            return found
    _require(field, wanted)
    if unknown is not None:
        raise unknown
    return found


def host(row: DueRow, before: Before, find: Callable[[], str | None]) -> str | None:
    """Return the host that *find* finds, which may ask Envoy: not for what is odd and not there already.

    Raises:
        InputError: there is no such host, or what is said of them is odd.
    """
    held = (before or {}).get("hostEmployeeId")
    if held is None:
        _require_fit_host(row)
    try:
        found = find()
    except InputError:
        _require_fit_host(row)
        raise
    if found != held:
        _require_fit_host(row)
    return found


def _require_fit_host(row: DueRow) -> None:
    for column in HOST_COLUMNS:
        if said := blank_to_none(getattr(row, column)):
            _require(column, said)


def _require(column: str, text: str) -> None:
    require_fit(column, text, FORMS[column], what=f"{column} ")


def _require_fit_fields(fields: list[dict[str, str]], has: object, own: Labels, defaults: Labels) -> None:
    """Judge labels and values; which ones are told by their place, since they may be anything."""
    known = has if isinstance(has, list) else []
    for one in fields:
        label, value = one["field"], one["value"]
        if one not in known and not (label.isprintable() and value.isprintable()):
            whose, place = _place_of(label, own, defaults)
            require_fit(FIELD, label, LABEL, what=f"{FIELD}: {whose}{place}, ")
            require_fit(FIELD, value, VALUE, what=f"{FIELD}: {whose}the value of {place}, ")


def _place_of(label: str, own: Labels, defaults: Labels) -> tuple[str, str]:
    """Return whose a label is, and its place among all of theirs; a default fills one that is blank."""
    said = (own or {}).get(label)
    is_own = said is not None and str(said).strip() != ""
    labels = sorted((own if is_own else defaults) or ())
    place = f"label {labels.index(label) + 1} of {len(labels)}, in alphabetical order"
    return "" if is_own else OF_THE_CONNECTION, place
