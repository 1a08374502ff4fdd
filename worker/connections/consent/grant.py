"""Turn a code into a stored grant: all of it in one transaction, or nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from worker.arrivals import announce
from worker.commands import command
from worker.connections.company import Evidence, Look, evidence, require_right_company
from worker.connections.consent.redirect import AuthorisationRequest
from worker.connections.model import CONNECTIONS, Connection
from worker.connections.rows import change, forget_employees, select_one
from worker.connections.scopes import WRITE_INVITES
from worker.connections.states import ConnectionStatus
from worker.connections.store import check_name
from worker.connections.tokens.expiry import DEFAULT_LIFETIME
from worker.connections.tokens.refresh.saving import CLEARED
from worker.connections.usable.rules import UNDISTURBED, but_for_a_pause
from worker.connections.vault import Vault
from worker.database import Database, utc_now
from worker.database.repeating import repeated
from worker.envoy.oauth import OAuth
from worker.envoy.tokens import TokenAnswer
from worker.errors import NeedsAuthorisation, OutcomeUnknown
from worker.logs import add_secret

log = structlog.get_logger()


def finish(
    database: Database,
    vault: Vault,
    oauth: OAuth,
    name: str,
    request: AuthorisationRequest,
    code: str,
    *,
    look: Look,
    clock: Callable[[], datetime] = utc_now,
) -> Connection:
    """Exchange *code*, store the grant under *name*, and return the connection.

    *look* reads locations with the new token, before it is stored: they show whose it is.

    Raises:
        UsageError: the grant is another company's than the connection's, or not proven to be the same's, or
            the company has another connection; what was stored before stays.
        NeedsAuthorisation: the grant cannot be used, or the answer was lost; nothing was stored.
        EnvoyError: Envoy refused, or was not reached.
    """
    check_name(name)
    began = clock()
    answer = _exchanged(oauth, request, code)
    refresh_token, scopes = _refresh_token(answer), _granted(answer, request)
    add_secret(answer.access_token)
    add_secret(refresh_token)
    found = evidence(answer.company_id, answer.access_token, look)
    row = _stored(database, vault, name, _Grant(answer, refresh_token, scopes, began, found))
    _announce(row, found)
    return row


@dataclass(frozen=True, slots=True)
class _Grant:
    answer: TokenAnswer = field(repr=False)
    refresh_token: str = field(repr=False)
    scopes: tuple[str, ...]
    began: datetime
    found: Evidence


@repeated
def _stored(database: Database, vault: Vault, name: str, grant: _Grant) -> Connection:
    with database.write() as connection:
        if not database.is_sqlite:
            # Two consents at once must see each other's company.
            connection.execute(sa.text("LOCK TABLE connection IN SHARE ROW EXCLUSIVE MODE"))
        announce(connection)
        return _store(connection, vault, name, grant, database.now())


def _store(
    connection: sa.Connection, vault: Vault, name: str, grant: _Grant, now: sa.ColumnElement[datetime]
) -> Connection:
    before = select_one(connection, CONNECTIONS.c.name == name)
    require_right_company(connection, before, name, grant.found)
    row_id = _row_id(connection, before, name)
    change(
        connection,
        CONNECTIONS.c.id == row_id,
        **_values(grant),
        **_sealed(vault, grant, row_id),
        **(UNDISTURBED if before is None else but_for_a_pause(before)),
        token_version=CONNECTIONS.c.token_version + 1,
        refreshed_at=now,
        updated_at=now,
    )
    forget_employees(connection, row_id)
    row = select_one(connection, CONNECTIONS.c.id == row_id)
    assert row is not None  # noqa: S101 -- it was just written
    return row


def _exchanged(oauth: OAuth, request: AuthorisationRequest, code: str) -> TokenAnswer:
    try:
        return oauth.exchange(code, code_verifier=request.verifier)
    except OutcomeUnknown as failure:
        error_code = failure.error_code
    # The code may be spent, and works once: there is nothing to repeat.
    raise NeedsAuthorisation(
        f"Envoy's answer to the code was lost ({error_code}); nothing was stored",
        hint="start again with `envoy-worker connect`",
    )


def _refresh_token(answer: TokenAnswer) -> str:
    if not answer.refresh_token:
        raise NeedsAuthorisation(
            "Envoy gave no refresh token, so the grant would end within a day; nothing was stored",
            hint="ask for the scope token.refresh in [envoy] scopes, and connect again",
        )
    return answer.refresh_token


def _granted(answer: TokenAnswer, request: AuthorisationRequest) -> tuple[str, ...]:
    """Return the scopes that Envoy says it granted; it usually says nothing, then those asked for."""
    if answer.scopes is None:
        return request.scopes
    if WRITE_INVITES not in answer.scopes:
        raise NeedsAuthorisation(
            f"the grant lacks the scope {WRITE_INVITES}; nothing was stored",
            hint="the customer must agree to all scopes: connect again",
        )
    return answer.scopes


def _row_id(connection: sa.Connection, before: Connection | None, name: str) -> int:
    if before is not None and before.id is not None:
        return before.id
    made = connection.execute(sa.insert(CONNECTIONS).values(name=name).returning(CONNECTIONS.c.id))
    return int(made.scalar_one())


def _values(grant: _Grant) -> dict[str, object]:
    answer, began = grant.answer, grant.began
    life = timedelta(seconds=answer.expires_in or DEFAULT_LIFETIME)
    refresh_life = answer.refresh_expires_in
    proven = grant.found.company_id
    company: dict[str, object] = {"company_id": proven} if proven else {}
    return company | {
        "status": ConnectionStatus.ACTIVE,
        "status_reason": None,
        "scopes": " ".join(grant.scopes),
        "can_read_invites": None,
        "access_issued_at": began,
        "access_expires_at": began + life,
        "lifetime_seconds": answer.expires_in,
        "refresh_expires_at": began + timedelta(seconds=refresh_life) if refresh_life else None,
        "lease_owner": None,
        "lease_until": None,
        "answer_lost_at": None,
        **CLEARED,
    }


def _sealed(vault: Vault, grant: _Grant, row_id: int) -> dict[str, object]:
    access, refresh = grant.answer.access_token, grant.refresh_token
    return {
        "access_token_enc": vault.seal(access, connection_id=row_id, field="access"),
        "refresh_token_enc": vault.seal(refresh, connection_id=row_id, field="refresh"),
    }


def _announce(row: Connection, found: Evidence) -> None:
    if row.company_id is not None:
        log.info("connection.authorised", connection=row.name)
        return
    why = {"detail": found.unread} if found.unread else {}
    log.warning(
        "connection.authorised",
        connection=row.name,
        error_code="company_unproven",
        **why,
        hint="neither the token nor a location names the company, so nobody can tell whose grant it is: see"
        f" whether the locations are this customer's, `{command('directory --connection', row.name)}`",
    )
