"""Authorization codes: one use, ten minutes, bound to a PKCE challenge if one was sent."""

import base64
import hashlib
import secrets
from dataclasses import dataclass, field
from http import HTTPStatus

from worker.sandbox.refusals import Refused, oauth_error
from worker.sandbox.values import Clock

CODE_SECONDS = 600


@dataclass(frozen=True, slots=True)
class Consent:
    """What a customer has allowed, before the code for it is exchanged."""

    company_id: str
    scopes: tuple[str, ...]
    redirect_uri: str = ""
    challenge: str = field(default="", repr=False)


@dataclass(slots=True)
class _Code:
    consent: Consent
    expires_at: float
    family: int | None = None


class Codes:
    """Every code ever issued; a second use names the family of tokens that the first one opened."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._codes: dict[str, _Code] = {}

    def issue(self, consent: Consent) -> str:
        """Return a new code for a consent."""
        code = secrets.token_urlsafe(24)
        self._codes[code] = _Code(consent, self._clock() + CODE_SECONDS)
        return code

    def issued(self) -> list[str]:
        """Return every code ever given."""
        return list(self._codes)

    def family_of_used(self, code: str) -> int | None:
        """Return the family opened with this code, None while it is unused or unknown."""
        held = self._codes.get(code)
        return held.family if held else None

    def consent_of(self, code: str, verifier: str, redirect_uri: str) -> Consent:
        """Return what an unused code stands for; Refused if it is unknown, old or not this client's."""
        held = self._codes.get(code)
        if held is None or held.expires_at <= self._clock():
            raise _invalid("the code is unknown or too old")
        # Envoy's documented exchange sends no redirect_uri, so only a different one is wrong.
        if redirect_uri and redirect_uri != held.consent.redirect_uri:
            raise _invalid("redirect_uri is not the one of the authorization request")
        if held.consent.challenge not in ("", challenge_of(verifier)):
            raise _invalid("code_verifier does not match the challenge")
        return held.consent

    def mark_used(self, code: str, family: int) -> None:
        """Remember that a code has opened a family of tokens."""
        self._codes[code].family = family


def challenge_of(verifier: str) -> str:
    """Return the S256 challenge of a verifier (RFC 7636, 4.2)."""
    digest = hashlib.sha256(verifier.encode()).digest()
    return base64.urlsafe_b64encode(digest).rstrip(b"=").decode()


def _invalid(description: str) -> Refused:
    return oauth_error(HTTPStatus.UNAUTHORIZED, "invalid_grant", description)
