"""Find the host of a visit: the employee's id as given, or looked up by e-mail."""

from worker.connections.calls import with_token
from worker.connections.model import Connection
from worker.connections.tokens import Tokens
from worker.delivery.content import blank_to_none
from worker.delivery.rows import DueRow
from worker.envoy.api import EnvoyApi
from worker.errors import Forbidden, InputError
from worker.invites import Wanted

SCOPE = "employees.read"


def given(row: DueRow) -> str | None:
    """Return the host's employee id as the row has it."""
    return blank_to_none(row.host_employee_id)


def wanted(row: DueRow) -> str | None:
    """Return the e-mail by which the host must be looked up, None where nothing is to be looked up."""
    if given(row) or row.wanted == Wanted.ABSENT:
        return None
    email = blank_to_none(row.host_email)
    return email.casefold() if email else None


def look_up(email: str, connection: Connection, api: EnvoyApi, tokens: Tokens) -> str:
    """Return the id of the one employee with that e-mail.

    Raises:
        InputError: ``host_unknown``, ``host_ambiguous`` or ``host_lookup_not_permitted``.
        EnvoyError: Envoy could not be asked.
    """
    if SCOPE not in (connection.scopes or "").split():
        raise _not_permitted()
    assert connection.id is not None  # noqa: S101 -- a stored row has its id
    try:
        found = with_token(tokens, connection.id, lambda token: api.employees(token, email=email))
    except Forbidden:
        raise _not_permitted() from None
    if len(found) == 1:
        return found[0].id
    if not found:
        raise InputError("host_email", "no employee in Envoy has this e-mail", code="host_unknown")
    ids = ", ".join(sorted(person.id for person in found))
    hint = f"use host_employee_id: {ids}"
    raise InputError("host_email", "several employees have this e-mail", code="host_ambiguous", hint=hint)


def _not_permitted() -> InputError:
    return InputError(
        "host_email",
        f"a host by e-mail needs the scope {SCOPE}, which this connection does not hold",
        code="host_lookup_not_permitted",
        hint=f"give host_employee_id, or add {SCOPE} to envoy.scopes and connect again",
    )
