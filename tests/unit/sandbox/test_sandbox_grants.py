"""Codes and tokens of the sandbox: single use, rotation, reuse, grace."""

from dataclasses import dataclass

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.app import App
from worker.sandbox.codes import Consent, challenge_of
from worker.sandbox.grants import Grants
from worker.sandbox.refusals import Refused

CONSENT = Consent("10000", ("invites.write", "token.refresh"), "https://example.com/back")


@dataclass
class Clock:
    """A clock that only a test moves."""

    now: float = 1000.0

    def __call__(self) -> float:
        """Return the time."""
        return self.now


def refusal(grants: Grants, token: str) -> object:
    """Return the OAuth error that a refresh ends with."""
    with pytest.raises(Refused) as refused:
        grants.refresh(token)
    assert refused.value.status == 401
    return refused.value.body["error"]


def test_a_refresh_gives_a_new_pair_and_keeps_the_old_access_token() -> None:
    """Rotation replaces both tokens; an access token in flight lives on until it expires."""
    grants = Grants(App(), Clock())
    first = grants.open(CONSENT)
    second = grants.refresh(first["refresh_token"])

    assert second["access_token"] != first["access_token"]
    assert second["refresh_token"] != first["refresh_token"]
    assert grants.bearer(f"Bearer {first['access_token']}") == CONSENT
    assert grants.tally.refreshes == 1


def test_a_reused_refresh_token_ends_its_whole_family() -> None:
    """After a reuse neither the newest refresh token nor any access token works; it is counted once."""
    grants = Grants(App(), Clock())
    first = grants.open(CONSENT)
    second = grants.refresh(first["refresh_token"])

    assert refusal(grants, first["refresh_token"]) == "invalid_grant"
    assert refusal(grants, second["refresh_token"]) == "invalid_grant"
    with pytest.raises(Refused):
        grants.bearer(f"Bearer {second['access_token']}")
    assert (grants.tally.refresh_token_reuse, grants.tally.families_killed) == (1, 1)


def test_a_reuse_within_the_grace_window_gives_a_pair_again() -> None:
    """A client whose answer was lost recovers inside the window, and not after it."""
    clock = Clock()
    grants = Grants(App(refresh_grace_seconds=10), clock)
    first = grants.open(CONSENT)
    grants.refresh(first["refresh_token"])

    clock.now += 9
    assert grants.refresh(first["refresh_token"])["refresh_token"]
    assert grants.tally.refresh_token_reuse == 0
    clock.now += 2
    assert refusal(grants, first["refresh_token"]) == "invalid_grant"
    assert grants.tally.refresh_token_reuse == 1


@given(st.lists(st.integers(min_value=0, max_value=5), max_size=12))
def test_presenting_every_token_once_never_counts_as_reuse(picks: list[int]) -> None:
    """Several families refreshed in any order, each by its newest token, all stay alive."""
    grants = Grants(App(), Clock())
    newest = [grants.open(CONSENT)["refresh_token"] for _ in range(6)]
    for pick in picks:
        newest[pick] = grants.refresh(newest[pick])["refresh_token"]

    assert (grants.tally.refreshes, grants.tally.refresh_token_reuse) == (len(picks), 0)


def test_tokens_end_with_their_lifetimes() -> None:
    """An access token is refused after its lifetime, a refresh token after its own."""
    clock = Clock()
    grants = Grants(App(access_token_seconds=3, refresh_token_seconds=30), clock)
    answer = grants.open(CONSENT)

    clock.now += 3
    with pytest.raises(Refused) as refused:
        grants.bearer(f"Bearer {answer['access_token']}")
    assert refused.value.status == 401
    clock.now += 27
    assert refusal(grants, answer["refresh_token"]) == "invalid_grant"


def test_without_the_scope_token_refresh_there_is_no_refresh_token() -> None:
    """The field is null, as is its lifetime."""
    answer = Grants(App(), Clock()).open(Consent("10000", ("invites.write",)))

    assert answer["refresh_token"] is None
    assert answer["refresh_token_expires_in"] is None


def test_a_code_works_once_and_its_second_use_ends_what_it_opened() -> None:
    """A replayed code is refused, and the tokens of its first use die (RFC 6749, 4.1.2)."""
    grants = Grants(App(), Clock())
    code = grants.codes.issue(CONSENT)
    answer = grants.exchange(code, "", "")

    with pytest.raises(Refused):
        grants.exchange(code, "", "")

    assert refusal(grants, answer["refresh_token"]) == "invalid_grant"


def test_a_code_lives_ten_minutes() -> None:
    """Ten minutes after consent the code is dead."""
    clock = Clock()
    grants = Grants(App(), clock)
    code = grants.codes.issue(CONSENT)
    clock.now += 600

    with pytest.raises(Refused):
        grants.exchange(code, "", "")


def test_a_code_with_a_challenge_needs_its_verifier() -> None:
    """A wrong verifier is refused and leaves the code usable by its owner; the right one gets tokens."""
    grants = Grants(App(), Clock())
    code = grants.codes.issue(Consent("10000", CONSENT.scopes, "", challenge_of("v" * 43)))

    with pytest.raises(Refused):
        grants.exchange(code, "w" * 43, "")

    assert grants.exchange(code, "v" * 43, "")["company_id"] == "10000"


def test_another_redirect_uri_than_the_consents_is_refused() -> None:
    """Where the exchange names a redirect_uri, it must be the one of the authorization request."""
    grants = Grants(App(), Clock())
    code = grants.codes.issue(CONSENT)

    with pytest.raises(Refused):
        grants.exchange(code, "", "https://example.com/elsewhere")


def test_revoking_a_company_leaves_the_others_alone() -> None:
    """Only the tokens of the customer who removed the application die."""
    grants = Grants(App(), Clock())
    mine, other = grants.open(CONSENT), grants.open(Consent("10001", CONSENT.scopes))
    grants.revoke("10000")

    assert refusal(grants, mine["refresh_token"]) == "invalid_grant"
    assert grants.refresh(other["refresh_token"])["company_id"] == "10001"


def test_lifetimes_are_answered_as_integers() -> None:
    """A lifetime given as a float is rounded down; only below a second it stays a fraction."""
    answer = Grants(App(access_token_seconds=2.5, refresh_token_seconds=0.5), Clock()).open(CONSENT)

    assert repr(answer["expires_in"]) == "2"
    assert answer["refresh_token_expires_in"] == 0.5


def test_no_repr_shows_a_token() -> None:
    """A grant printed by accident gives nothing away."""
    grants = Grants(App(), Clock())
    answer = grants.open(CONSENT)

    assert answer["access_token"] not in repr(grants)
    assert answer["refresh_token"] not in repr(grants)
    assert "sandbox-secret" not in repr(grants)
