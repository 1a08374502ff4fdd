"""Turn a code into a stored grant: all of it in one transaction, or nothing."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from worker.commands import command
from worker.connections.authorise import AuthorisationRequest
from worker.connections.expiry import DEFAULT_LIFETIME
from worker.connections.hold_rules import RELEASED, UNDISTURBED
from worker.connections.model import Connection, ConnectionStatus, HoldReason
from worker.connections.rows import CONNECTIONS, change, forget_employees, select_one
from worker.connections.saving import CLEARED
from worker.connections.store import check_name
from worker.connections.vault import Vault
from worker.database import Database, utc_now
from worker.database.repeating import repeated
from worker.envoy.oauth import OAuth
from worker.envoy.tokens import TokenAnswer
from worker.errors import NeedsAuthorisation, OutcomeUnknown, UsageError
from worker.logs import add_secret

NEEDED_SCOPE = "invites.write"

log = structlog.get_logger()


def finish(
    database: Database,
    vault: Vault,
    oauth: OAuth,
    name: str,
    request: AuthorisationRequest,
    code: str,
    *,
    clock: Callable[[], datetime] = utc_now,
) -> Connection:
    """Exchange *code*, store the grant under *name*, and return the connection.

    Raises:
        UsageError: the grant is another company's than the connection's, or the company has another
            connection; what was stored before stays.
        NeedsAuthorisation: the grant cannot be used, or the answer was lost; nothing was stored.
        EnvoyError: Envoy refused, or was not reached.
    """
    check_name(name)
    began = clock()
    answer = _exchanged(oauth, request, code)
    grant = _Grant(answer, _refresh_token(answer), _granted(answer, request), began)
    row = _stored(database, vault, name, grant)
    add_secret(answer.access_token)
    add_secret(grant.refresh_token)
    log.info("connection.authorised", connection=name)
    return row


@dataclass(frozen=True, slots=True)
class _Grant:
    answer: TokenAnswer = field(repr=False)
    refresh_token: str = field(repr=False)
    scopes: tuple[str, ...]
    began: datetime


@repeated
def _stored(database: Database, vault: Vault, name: str, grant: _Grant) -> Connection:
    with database.write() as connection:
        if not database.is_sqlite:
            # Two consents at once must see each other's company.
            connection.execute(sa.text("LOCK TABLE connection IN SHARE ROW EXCLUSIVE MODE"))
        return _store(connection, vault, name, grant, database.now())


def _store(
    connection: sa.Connection, vault: Vault, name: str, grant: _Grant, now: sa.ColumnElement[datetime]
) -> Connection:
    before = select_one(connection, CONNECTIONS.c.name == name)
    _require_same_company(connection, before, name, grant.answer.company_id)
    row_id = _row_id(connection, before, name)
    change(
        connection,
        CONNECTIONS.c.id == row_id,
        **_values(grant),
        **_sealed(vault, grant, row_id),
        **_released(before),
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
    if NEEDED_SCOPE not in answer.scopes:
        raise NeedsAuthorisation(
            f"the grant lacks the scope {NEEDED_SCOPE}; nothing was stored",
            hint="the customer must agree to all scopes: connect again",
        )
    return answer.scopes


def _require_same_company(
    connection: sa.Connection, before: Connection | None, name: str, company_id: str | None
) -> None:
    if company_id is None:
        return
    if before is not None and before.company_id not in {None, company_id}:
        raise UsageError(
            f"{name} belongs to company {before.company_id} in Envoy, and this grant to {company_id}",
            hint="sign in to Envoy as the right company, or connect this one under another name",
        )
    own = CONNECTIONS.c
    others = (own.name != name) & (own.company_id == company_id) & (own.status != ConnectionStatus.REMOVED)
    other = connection.execute(sa.select(own.name).where(others)).scalar()
    if other is not None:
        raise UsageError(
            f"company {company_id} in Envoy is connected as {other} already; this grant was dropped",
            hint=f"use {other}, or remove it first with `{command('connections remove', other)}`",
        )


def _row_id(connection: sa.Connection, before: Connection | None, name: str) -> int:
    if before is not None and before.id is not None:
        return before.id
    made = connection.execute(sa.insert(CONNECTIONS).values(name=name).returning(CONNECTIONS.c.id))
    return int(made.scalar_one())


def _values(grant: _Grant) -> dict[str, object]:
    answer, began = grant.answer, grant.began
    life = timedelta(seconds=answer.expires_in or DEFAULT_LIFETIME)
    refresh_life = answer.refresh_expires_in
    company: dict[str, object] = {"company_id": answer.company_id} if answer.company_id else {}
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
        **CLEARED,
    }


def _sealed(vault: Vault, grant: _Grant, row_id: int) -> dict[str, object]:
    access, refresh = grant.answer.access_token, grant.refresh_token
    return {
        "access_token_enc": vault.seal(access, connection_id=row_id, field="access"),
        "refresh_token_enc": vault.seal(refresh, connection_id=row_id, field="refresh"),
    }


def _released(before: Connection | None) -> dict[str, object]:
    """Return the columns that end every hold but the operator's own."""
    paused = before is not None and before.hold_reason == HoldReason.PAUSED
    kept = RELEASED.keys() if paused else frozenset()
    return {key: value for key, value in UNDISTURBED.items() if key not in kept}
