"""What looks like a secret or personal data is masked; what looks like an id, a time or a count is not."""

import string
import time
import uuid
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from worker.logs.patterns import is_harmless_word, mask_patterns

WORDS = st.lists(
    st.one_of(
        st.from_regex(r"[\w.-]{0,12}", fullmatch=True),
        st.sampled_from(
            ["eyJ", "gAAAAA", "Authorization", "cookie", "079", ".", "-", "1", "2026", "@", "+41", " "]
        ),
    ),
    max_size=12,
).map("".join)
OPAQUE = st.text(string.ascii_letters + string.digits + "-_.~", min_size=12, max_size=60)


@pytest.mark.parametrize(
    "text",
    [
        "Authorization: Bearer {}",
        "bearer {}",
        "GET https://app.example/cb?code={}&x=1",
        "https://app.example/cb?x=1&state={}",
        "refresh_token={}",
        "access_token={}, expires_in=3600",
        "grant_type=x&client_secret={}",
        '{{"access_token": "{}"}}',
        "{{'refresh_token': '{}'}}",
        '{{"code":"{}"}}',
        "code_verifier={}",
        "password={}",
        "redirect=https%3A%2F%2Fx%2Fcb%3Fcode%3D{}",
        "Cookie: session={}; theme=dark",
        "Set-Cookie: a={}",
        "x-api-key={}",
        "postgresql://worker:{}@db.example:5432/worker",
        "postgres://:{}@db.example",
    ],
)
@given(canary=OPAQUE)
def test_secrets_in_texts_are_masked(text: str, canary: str) -> None:
    """Whatever its value, a secret in one of the usual places does not show."""
    canary = f"Q7{canary}"

    assert canary not in mask_patterns(text.format(canary))


@pytest.mark.parametrize(
    "secret",
    [
        "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxIn0.c2lnbmF0dXJl",
        "gAAAAABlx0Qm3v9z2hT8yYkq0mJ1n2b3c4d5e6f7g8h9",
        "jane.doe@example.com",
        "jane+visit@sub.example.co.uk",
        "jane.doe%40example.com",
        '"jane doe"@example.com',
        "jörg@exämple.de",
        "+49 170 1234567",
        "+491701234567",
        "(030) 123456-78",
        "030 1234567",
        "555-123-4567",
        "+1 (555) 123-4567",
        "555.123.4567",
    ],
)
@pytest.mark.parametrize("around", ["{}", "to {} now", "<{}>", "[{}]", "x={};", "'{}', failed"])
def test_tokens_mails_and_phone_numbers_are_masked(secret: str, around: str) -> None:
    """They are recognised by their form, alone or within a sentence."""
    assert secret not in mask_patterns(around.format(secret))


@pytest.mark.parametrize(
    "text",
    [
        "acme/2026-000123: location not found",
        "error_code=invalid_grant http_status=401",
        "exit code: 78",
        "2026-03-01T10:00:00.000Z to 2026-03-01 11:30:00+01:00",
        "20260301T101500Z",
        "run 123456789012 took 1234.56789012 s",
        "127.0.0.1:5432 and 192.168.100.200",
        "550e8400-e29b-41d4-a716-446655440000",
        "12345678-1234-1234-1234-123456789012",
        "envoy-worker invites retry acme/BOOK-2026-03-01-0001",
        "invite 88812345, attempt 3 of 5",
        "https://api.envoy.com/v1/invites?page=2",
        "version 26.1.0, schema 0001",
        "the token is over; its state is unknown",
    ],
)
def test_ids_times_counts_and_words_stay_readable(text: str) -> None:
    """An operator must be able to read what happened, and to whom."""
    assert mask_patterns(text) == text


@given(st.uuids(), st.datetimes(min_value=datetime(2000, 1, 1)), st.integers(min_value=0, max_value=10**15))  # noqa: DTZ001
def test_no_uuid_time_or_number_is_taken_for_a_phone_number(
    identity: uuid.UUID, moment: datetime, number: int
) -> None:
    """The forms that stand in every line pass unchanged."""
    text = f"{identity} {identity.hex} {moment.replace(tzinfo=UTC).isoformat()} id:{number}"

    assert mask_patterns(text) == text


def test_an_identifier_may_look_like_a_local_phone_number() -> None:
    """Callers number their visits as they like; only a leading + makes a phone number of an id."""
    assert mask_patterns("2026-03-1234567", identifier=True) == "2026-03-1234567"
    assert mask_patterns("555-123-4567", identifier=True) == "555-123-4567"
    assert "4567" not in mask_patterns("+49 170 1234567", identifier=True)
    assert "jane" not in mask_patterns("jane@example.com", identifier=True)


def test_a_database_s_own_words_do_not_quote_the_row() -> None:
    """PostgreSQL's DETAIL and pydantic's input_value hold what the caller wrote."""
    refused = 'violates check\nDETAIL:  Failing row contains (1, acme, Jane Doe).\nwhere "x"'
    invalid = "1 error\n  wrong [type=int_parsing, input_value='Jane Doe', input_type=str]"

    assert "Jane" not in mask_patterns(refused)
    assert "Jane" not in mask_patterns(invalid)
    assert "violates check" in mask_patterns(refused)
    assert "int_parsing" in mask_patterns(invalid)


@pytest.mark.parametrize(
    "text", ["a" * 6000 + "@", "://" * 2000 + "@", "1-" * 3000, 'token"' * 1000 + ":", "@" * 6000]
)
def test_hostile_texts_take_no_time(text: str) -> None:
    """No pattern runs away on the longest text that it is ever given.

    The processor's time of this process tells: the slowest takes a tenth of the bound, and one that runs away
    takes minutes.
    """
    began = time.process_time()
    mask_patterns(text)

    assert time.process_time() - began < 5.0


@given(WORDS, st.booleans())
@example("set-cookie.a1b2c3d4", True)
@example("eyJhbGciOi.J9.x", True)
@example("044-668-18-00", False)
def test_a_word_that_is_not_searched_holds_nothing(text: str, identifier: bool) -> None:
    """What saves the search never saves it where it would have found something."""
    if is_harmless_word(text, identifier=identifier):
        assert mask_patterns(text, identifier=identifier) == text


@pytest.mark.parametrize(
    ("text", "identifier"),
    [
        (uuid.UUID(int=7).hex, False),
        ("invite.sent", False),
        ("visit-2026-000123", True),
        ("079-123-45-67", True),
        ("", False),
    ],
)
def test_what_a_usual_line_is_made_of_is_not_searched(text: str, identifier: bool) -> None:
    """Else a line costs as much of the processor as the database does."""
    assert is_harmless_word(text, identifier=identifier)
