"""Grants: families of access and refresh tokens, rotated at every refresh.

A rotated refresh token that comes back outside the grace window ends its whole
family, as RFC 9700 (4.14.2) advises; anyone who loses an answer notices.
"""

import secrets
from dataclasses import dataclass, field
from http import HTTPStatus

from worker.sandbox.app import App
from worker.sandbox.codes import Codes, Consent
from worker.sandbox.refusals import Refused, oauth_error
from worker.sandbox.values import Clock, Record


@dataclass(slots=True)
class Family:
    """All tokens that descend from one consent."""

    number: int
    consent: Consent
    alive: bool = True


@dataclass(slots=True)
class _Token:
    family: Family
    expires_at: float
    rotated_at: float | None = None


@dataclass(slots=True)
class Tally:
    """What happened at the token endpoint."""

    refreshes: int = 0
    refresh_token_reuse: int = 0
    families_killed: int = 0


@dataclass(slots=True)
class Grants:
    """Every token that the sandbox has issued, living and dead."""

    app: App
    clock: Clock
    codes: Codes = field(init=False)
    tally: Tally = field(default_factory=Tally)
    _families: dict[int, Family] = field(default_factory=dict)
    _access: dict[str, _Token] = field(default_factory=dict, repr=False)
    _refresh: dict[str, _Token] = field(default_factory=dict, repr=False)

    def __post_init__(self) -> None:
        self.codes = Codes(self.clock)

    def open(self, consent: Consent) -> Record:
        """Return the first token answer of a new family."""
        return self._issue(self._new_family(consent))

    def exchange(self, code: str, verifier: str, redirect_uri: str) -> Record:
        """Return the token answer for a code; a code that comes back ends what it opened."""
        used = self.codes.family_of_used(code)
        if used is not None:
            self._kill(self._families[used])
            raise _dead("the code was used before")
        family = self._new_family(self.codes.consent_of(code, verifier, redirect_uri))
        self.codes.mark_used(code, family.number)
        return self._issue(family)

    def refresh(self, token: str) -> Record:
        """Rotate a refresh token; a reused one ends its family, unless it is within the grace window."""
        held = self._refresh.get(token)
        if held is None:
            raise _dead("the refresh token is unknown")
        if held.rotated_at is not None and not self._in_grace(held.rotated_at):
            self.tally.refresh_token_reuse += 1
            self._kill(held.family)
            raise _dead("the refresh token was used before")
        if not held.family.alive or held.expires_at <= self.clock():
            raise _dead("the refresh token is expired or revoked")
        # A grace window is counted from the first use; a repeat does not prolong it.
        if held.rotated_at is None:
            held.rotated_at = self.clock()
        self.tally.refreshes += 1
        return self._issue(held.family)

    def bearer(self, authorization: str) -> Consent:
        """Return what the bearer of an access token may do; Refused with 401 if it is not valid."""
        scheme, _, token = authorization.partition(" ")
        held = self._access.get(token.strip()) if scheme.lower() == "bearer" else None
        if held is None or not held.family.alive or held.expires_at <= self.clock():
            raise Refused(
                HTTPStatus.UNAUTHORIZED, "Credentials are missing or invalid", {"WWW-Authenticate": "Bearer"}
            )
        return held.family.consent

    def revoke(self, company_id: str) -> None:
        """End every family of a company, as when the customer removes the application."""
        for family in self._families.values():
            if family.consent.company_id == company_id:
                family.alive = False

    def expire_access_tokens(self) -> None:
        """Let every access token end now; refresh tokens stay."""
        for held in self._access.values():
            held.expires_at = self.clock()

    def issued(self) -> list[str]:
        """Return every code and token ever given: what must stand in nobody's log."""
        return [*self.codes.issued(), *self._access, *self._refresh]

    def _new_family(self, consent: Consent) -> Family:
        family = Family(len(self._families) + 1, consent)
        self._families[family.number] = family
        return family

    def _kill(self, family: Family) -> None:
        self.tally.families_killed += family.alive
        family.alive = False

    def _in_grace(self, rotated_at: float) -> bool:
        return self.clock() < rotated_at + self.app.refresh_grace_seconds

    def _issue(self, family: Family) -> Record:
        now = self.clock()
        access = secrets.token_urlsafe(32)
        self._access[access] = _Token(family, now + self.app.access_token_seconds)
        refreshable = "token.refresh" in family.consent.scopes
        refresh = secrets.token_urlsafe(32) if refreshable else None
        if refresh:
            self._refresh[refresh] = _Token(family, now + self.app.refresh_token_seconds)
        return {
            "token_type": "Bearer",
            "access_token": access,
            "expires_in": _whole(self.app.access_token_seconds),
            "refresh_token": refresh,
            "refresh_token_expires_in": _whole(self.app.refresh_token_seconds) if refresh else None,
            "state": None,
            "company_id": family.consent.company_id,
        }


def _whole(seconds: float) -> float:
    """Return a lifetime as Envoy writes it, an integer; only one below a second stays a fraction."""
    return int(seconds) if seconds >= 1 else seconds


def _dead(description: str) -> Refused:
    return oauth_error(HTTPStatus.UNAUTHORIZED, "invalid_grant", description)
