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


def resolve(row: DueRow, connection: Connection, api: EnvoyApi, tokens: Tokens) -> str | None:
    """Return the host's employee id, None where the row names no host.

    Raises:
        InputError: ``host_unknown``, ``host_ambiguous`` or ``host_lookup_not_permitted``.
    """
    email = blank_to_none(row.host_email)
    given = blank_to_none(row.host_employee_id)
    if given or email is None or row.wanted == Wanted.ABSENT:
        return given
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
    raise InputError(
        "host_email", "several employees have this e-mail", code="host_ambiguous",
        hint=f"use host_employee_id: {ids}",
    )  # fmt: skip


def _not_permitted() -> InputError:
    return InputError(
        "host_email",
        f"a host by e-mail needs the scope {SCOPE}, which this connection does not hold",
        code="host_lookup_not_permitted",
        hint=f"give host_employee_id, or add {SCOPE} to envoy.scopes and connect again",
    )
