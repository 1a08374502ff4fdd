"""Answers of the token endpoint."""

import json
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.envoy.tokens import MOST_SECONDS, TokenAnswer, lifetime, token_answer
from worker.errors import (
    ClientRefused,
    EnvoyError,
    Forbidden,
    GrantDead,
    Misdirected,
    NotFound,
    OutcomeUnknown,
    Throttled,
    TokenRefused,
)

GOOD: dict[str, object] = {
    "token_type": "Bearer",
    "access_token": "at-1.x_y~z+/=",
    "expires_in": 86400,
    "refresh_token": "rt 1",
    "refresh_token_expires_in": 2592000,
    "state": None,
    "company_id": "10000",
}


def answer(**changes: object) -> TokenAnswer:
    """Parse the documented answer with some members changed."""
    return token_answer(200, {}, json.dumps({**GOOD, **changes}).encode())


def refusal(status: int, body: bytes, **headers: str) -> EnvoyError:
    """Return the error of an answer."""
    with pytest.raises(EnvoyError) as caught:
        token_answer(status, headers, body)
    return caught.value


def test_the_documented_answer_is_read_whole() -> None:
    """All that Envoy gives is kept, and the server's clock with it."""
    body = json.dumps(GOOD).encode()

    parsed = token_answer(200, {"Date": "Mon, 02 Mar 2026 15:00:00 GMT"}, body)

    expected_time = datetime(2026, 3, 2, 15, 0, 0, tzinfo=UTC)
    assert TokenAnswer("at-1.x_y~z+/=", "rt 1", 86400.0, 2592000.0, "10000", None, expected_time) == parsed


def test_a_token_answer_never_shows_its_tokens() -> None:
    """A repr may end in a log."""
    shown = repr(answer())

    assert "at-1" not in shown
    assert "rt 1" not in shown


@pytest.mark.parametrize("absent", ["", None, 7, ["x"]])
def test_no_refresh_token_is_none_however_it_is_written(absent: object) -> None:
    """The caller keeps the old one then (RFC 6749 section 6)."""
    assert answer(refresh_token=absent).refresh_token is None


@pytest.mark.parametrize(
    ("given_scope", "expected"),
    [
        (None, None),
        ("", None),
        ("a b", ("a", "b")),
        ("a,b", ("a", "b")),
        (["a", "b"], ("a", "b")),
        ("a \ud800 b\x00 \x1b[2J", ("a",)),
        (["a", "b c", "\ud800", 7, "", "x" * 200], ("a",)),
        ({"a": 1}, None),
        ([], None),
        ([{"name": "a"}], None),
    ],
)
def test_scopes_are_read_in_every_form_seen(given_scope: object, expected: tuple[str, ...] | None) -> None:
    """None means that Envoy does not say, which is its habit."""
    assert expected == answer(scope=given_scope).scopes


@pytest.mark.parametrize("company", [10000, "10000"])
def test_the_company_is_a_text(company: object) -> None:
    """Ids are kept as text, whatever JSON makes of them."""
    assert answer(company_id=company).company_id == "10000"


@pytest.mark.parametrize(
    "company", [None, True, "", "\ud800", "a\x00", "10\n", "\u202e1", "../1", 1.5, [], {}, "x" * 65]
)
def test_an_odd_company_is_as_if_absent(company: object) -> None:
    """What can be no id does not cost the tokens beside it."""
    found = answer(company_id=company)

    assert (found.company_id, found.refresh_token) == (None, "rt 1")


@pytest.mark.parametrize("odd", [b"1" * 6000, b'"\xff\xfe"', b'"\\ud800"', b"1e999", b"NaN"])
def test_no_writing_of_an_odd_id_costs_the_tokens(odd: bytes) -> None:
    """A number of thousands of digits, bytes that are no text, half a surrogate pair: the code is spent."""
    body = json.dumps(GOOD).encode().replace(b'"10000"', odd)
    found = token_answer(200, {}, body)

    assert (found.company_id, found.refresh_token) == (None, "rt 1")


def test_a_refresh_token_that_cannot_be_stored_is_none() -> None:
    """Nor could it be sent again."""
    assert answer(refresh_token="rt \ud800").refresh_token is None


@pytest.mark.parametrize("odd", ["a\x00b", "rt\r\n", "\u202e", " "])
def test_a_refresh_token_is_kept_however_odd_it_is(odd: str) -> None:
    """The one before is spent: to go on with that would end the grant."""
    assert answer(refresh_token=odd).refresh_token == odd


@pytest.mark.parametrize("odd", ["a \ud800 b\x00 \u202eb b", ["a", "\ud800", "b\x00", 'c"', "b"]])
def test_scopes_that_cannot_be_any_are_left_out(odd: object) -> None:
    """They are stored and shown."""
    assert answer(scope=odd).scopes == ("a", "b")


@pytest.mark.parametrize("kind", [..., None, "", "bearer", " Bearer "])
def test_a_token_without_a_type_is_a_bearer(kind: object) -> None:
    """Envoy knows no other, and to throw the pair away is to lose the grant."""
    body = {name: value for name, value in {**GOOD, "token_type": kind}.items() if value is not ...}

    assert token_answer(200, {}, json.dumps(body).encode()).refresh_token == "rt 1"


def test_an_answer_as_it_was_seen_without_a_type_is_read_whole() -> None:
    """The pair is new, and the old token is spent."""
    body = (
        b'{"access_token":"at_new","expires_in":86400,"refresh_token":"rt_new",'
        b'"refresh_token_expires_in":2592000,"company_id":"10000"}'
    )

    assert TokenAnswer("at_new", "rt_new", 86400.0, 2592000.0, "10000", None, None) == token_answer(
        200, {}, body
    )


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (3600, 3600.0),
        ("3600", 3600.0),
        (0.5, 1.0),
        (1e30, MOST_SECONDS),
        (10**400, MOST_SECONDS),
        (None, None),
        (0, None),
        (-1, None),
        ("soon", None),
        ("٣", None),
        (True, None),
        ([], None),
        (float("nan"), None),
        (float("inf"), None),
    ],
)
def test_a_lifetime_is_bounded_or_unknown(value: object, expected: float | None) -> None:
    """Never "for ever", never zero: a strange lifetime is the caller's default."""
    assert expected == lifetime(value)


def test_a_nonsense_lifetime_does_not_cost_the_tokens() -> None:
    """The old refresh token is spent, so the new one is kept even beside NaN."""
    assert answer(expires_in=float("nan")).refresh_token == "rt 1"


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"[]",
        b"{}",
        b"<html>",
        b"[" * 200_000,
        b'{"access_token": 123, "token_type": "bearer"}',
        b'{"access_token": "", "token_type": "bearer"}',
        b'{"access_token": "a\\r\\nX-Evil: 1", "token_type": "bearer"}',
        b'{"access_token": "a", "token_type": "mac"}',
        b'{"access_token": "a", "token_type": 7}',
        b'{"access_token": "a", "token_type": ["bearer"]}',
    ],
)
def test_a_success_without_a_usable_token_is_an_unknown_outcome(body: bytes) -> None:
    """The old refresh token may be spent: this is no refusal."""
    error = refusal(200, body)

    assert (OutcomeUnknown, "bad_token_answer") == (type(error), error.error_code)


@pytest.mark.parametrize("status", [400, 401, 403])
@pytest.mark.parametrize(
    ("word", "kind"),
    [
        ("invalid_grant", GrantDead),
        ("invalid_client", ClientRefused),
        ("unauthorized_client", ClientRefused),
        ("unsupported_grant_type", ClientRefused),
        ("invalid_request", ClientRefused),
        ("invalid_scope", ClientRefused),
        ("temporarily_unavailable", Throttled),
        ("server_error", OutcomeUnknown),
    ],
)
def test_the_error_word_decides_whose_fault_it_is(status: int, word: str, kind: type[EnvoyError]) -> None:
    """Envoy answers 401 to a bad grant and to a bad client alike, so the status says nothing."""
    error = refusal(status, json.dumps({"error": word}).encode())

    assert (kind, word, status) == (type(error), error.error_code, error.http_status)


@pytest.mark.parametrize("status", [400, 401])
@pytest.mark.parametrize(
    "body", [b"", b"<html>", b"{}", b'{"error": {"a": 1}}', b'{"error": "no such word"}']
)
def test_a_refusal_without_a_known_word_blames_nobody(status: int, body: bytes) -> None:
    """Neither the grant is declared dead nor the client wrong."""
    assert TokenRefused is type(refusal(status, body))


@pytest.mark.parametrize(
    ("status", "kind"),
    [
        (307, Misdirected),
        (403, Forbidden),
        (404, NotFound),
        (408, OutcomeUnknown),
        (429, Throttled),
        (500, OutcomeUnknown),
        (503, OutcomeUnknown),
    ],
)
def test_other_statuses_say_nothing_about_the_grant(status: int, kind: type[EnvoyError]) -> None:
    """Only 4xx answers with a known word are about grant or client."""
    body = b'{"error": "strange"}' if status < 408 else b'{"error": "invalid_grant"}'

    assert kind is type(refusal(status, body))


def test_a_pause_asked_for_is_handed_on() -> None:
    """Retry-After of the token endpoint reaches the refresher."""
    assert refusal(429, b"", **{"Retry-After": "60"}).retry_after == 60.0


def test_no_part_of_a_body_gets_into_an_error() -> None:
    """Token endpoints echo secrets in their error texts."""
    error = refusal(401, b'{"error": "secret-1", "error_description": "token secret-1 is invalid"}')

    assert "secret-1" not in f"{error} {error.error_code} {error.hint}"
    assert "invalid" not in str(error)


@given(
    status=st.integers(200, 599),
    body=st.binary() | st.text().map(lambda word: json.dumps({"error": word}).encode()),
)
def test_any_answer_is_tokens_or_a_typed_error(status: int, body: bytes) -> None:
    """Whatever the endpoint sends, the refresher can decide."""
    outcome: TokenAnswer | EnvoyError
    try:
        outcome = token_answer(status, {}, body)
    except EnvoyError as error:
        outcome = error

    assert isinstance(outcome, TokenAnswer) or outcome.http_status == status
