"""Every field of an event is redacted, bounded and plain, and no value can stop the caller."""

import collections
import string
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from enum import StrEnum
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from worker.logs.known import MASK, KnownSecrets
from worker.logs.redaction import (
    FAILED,
    LONGEST_EXCEPTION,
    LONGEST_TEXT,
    MOST_HARMLESS,
    Redactor,
    is_sensitive,
)

FIELDS = ("external_id", "connection", "event", "detail", "token", "attempt")
CANARY = "Zq9-canary-Zq9"


def redact(**fields: object) -> dict[str, Any]:
    """Redact fields with no known secret."""
    return Redactor(KnownSecrets()).fields(fields)


@pytest.mark.parametrize(
    "key",
    [
        "token", "access_token", "refresh_token_enc", "accessToken", "TOKEN", "client_secret",
        "ENVOY_CLIENT_SECRET", "authorization", "Proxy-Authorization", "cookie", "Set-Cookie", "code",
        "Code", "state", "password", "x-api-key", "api_key", "encryption_keys", "code_verifier", "email",
        "invitee_email", "hostEmail", "phone", "phone_number", "invitee_name", "full_name", "fullName",
        "name", "notes", "custom_fields", "body", "sent_content", "credentials",
    ],
)  # fmt: skip
def test_a_sensitive_key_hides_its_value(key: str) -> None:
    """The name of a field decides, however it is spelt, and however deep it stands."""
    nested = redact(request={"items": [{key: CANARY}]})

    assert redact(**{key: CANARY}) == {key: MASK}
    assert CANARY not in str(nested)


@pytest.mark.parametrize(
    "key",
    [
        "connection", "external_id", "envoy_invite_id", "invite_id", "error_code", "hint", "run_id", "job",
        "trigger", "attempt", "number", "detail", "duration_ms", "http_status", "held_until",
        "approval_status", "access_expires_at", "expires_in", "token_url", "token_version", "fencing_token",
        "status_code", "signal", "owner", "version", "locations", "fingerprint", "reason", "wait_seconds",
    ],
)  # fmt: skip
def test_the_fields_of_events_stay_readable(key: str) -> None:
    """What the catalogue names is shown: error_code is no OAuth code, and a hint is meant to be read."""
    assert redact(**{key: "plain words"}) == {key: "plain words"}


def test_a_flag_is_no_secret() -> None:
    """Yes, no and nothing give nothing away."""
    assert redact(send_email=True, has_token=False, email=None) == {
        "send_email": True,
        "has_token": False,
        "email": None,
    }


def test_an_external_id_that_is_an_email_is_masked() -> None:
    """A caller may use an address as its key; the log still shows no address."""
    assert redact(external_id="jane@example.com") == {"external_id": MASK}
    assert redact(external_id="2026-000123-4567") == {"external_id": "2026-000123-4567"}


def test_the_keys_of_a_mapping_are_redacted_too() -> None:
    """A mapping may be keyed by address."""
    assert "jane@example.com" not in str(redact(seen={"jane@example.com": 1}))


def test_values_become_plain() -> None:
    """Times are UTC, enumerations their value, bytes their number, everything else its text."""

    class Status(StrEnum):
        SENT = "sent"

    noon = datetime(2026, 3, 1, 13, tzinfo=timezone(timedelta(hours=1)))
    fields = redact(at=noon, status=Status.SENT, raw=b"abc", path=Path("a/b"), ratio=float("nan"), items={3})

    assert fields == {
        "at": "2026-03-01T12:00:00.000Z",
        "status": "sent",
        "raw": "[3 bytes]",
        "path": "a/b",
        "ratio": "nan",
        "items": [3],
    }


def test_control_characters_cannot_reach_a_terminal() -> None:
    """An escape sequence in a name that Envoy gave is shown, not obeyed."""
    text = redact(hint="Berlin\x1b[2J\x9b1m\x07")["hint"]

    assert text == "Berlin\\x1b[2J\\x9b1m\\x07"


class Hostile:
    """A value whose representation raises."""

    def __str__(self) -> str:
        """Raise."""
        raise RuntimeError(CANARY)


class Endless(collections.UserDict[str, object]):
    """A mapping that cannot be read."""

    def items(self) -> Any:
        """Raise."""
        raise RecursionError

    def __iter__(self) -> Iterator[str]:
        """Raise."""
        raise RecursionError


@pytest.mark.parametrize("value", [Hostile(), [Hostile()], {"a": Hostile()}, {Hostile(): 1}, Endless()])
def test_a_value_that_cannot_be_shown_costs_only_itself(value: object) -> None:
    """The other fields of the event are kept, and the caller hears nothing."""
    fields = redact(bad=value, job="push_invites")

    assert fields["job"] == "push_invites"
    assert FAILED in str(fields["bad"])
    assert CANARY not in str(fields)


def test_a_value_that_contains_itself_ends() -> None:
    """A cyclic structure is cut at a depth."""
    cyclic: dict[str, object] = {}
    cyclic["self"] = cyclic

    assert "too deep" in str(redact(value=cyclic))


def test_long_values_are_cut() -> None:
    """A megabyte costs no megabyte of log, and the beginning and the end are kept."""
    text = redact(detail="begin " + "x " * 500_000 + "end")["detail"]
    trace = redact(exception="Traceback\n" + "line\n" * 50_000 + "ValueError: why")["exception"]

    assert len(text) < LONGEST_TEXT + 50
    assert text.startswith("begin")
    assert text.endswith("end")
    assert len(trace) < LONGEST_EXCEPTION + 50
    assert trace.endswith("ValueError: why")


def test_long_lists_are_cut() -> None:
    """Of many items the first are shown."""
    assert len(redact(items=list(range(10_000)))["items"]) == 50


@given(st.integers(min_value=0, max_value=6_000), st.integers(min_value=0, max_value=6_000))
def test_cutting_leaves_no_part_of_a_secret(before: int, after: int) -> None:
    """Wherever the cut falls, no half of a token is left at the seam for want of its other half."""
    secret = "".join(f"{number:03d}" for number in range(100, 160))
    known = KnownSecrets()
    known.add(secret)
    text = "a " * (before // 2) + secret + " b" * (after // 2)

    shown = Redactor(known).text(text)

    assert not any(secret[at : at + 8] in shown for at in range(len(secret) - 8))


SCALARS = st.none() | st.text(max_size=20) | st.binary(max_size=5) | st.floats() | st.datetimes()


@settings(max_examples=50)
@given(st.dictionaries(st.text(max_size=10), st.recursive(SCALARS, st.lists, max_leaves=5), max_size=5))
def test_any_fields_are_accepted(fields: dict[str, object]) -> None:
    """Whatever is logged, something comes out and nothing is raised."""
    shown = Redactor(KnownSecrets()).fields(fields)

    assert shown.keys() == fields.keys()
    assert all(value == MASK for key, value in shown.items() if is_sensitive(key) and value is not None)


def test_a_time_with_zone_is_written_in_utc_with_milliseconds() -> None:
    """Times in a line are RFC 3339 in UTC with milliseconds."""
    moment = datetime(2026, 3, 1, 12, 0, 0, 123999, tzinfo=UTC)

    assert redact(due=moment) == {"due": "2026-03-01T12:00:00.123Z"}


@given(st.text(string.ascii_letters + string.digits + "-_.@+ ", max_size=40), st.sampled_from(FIELDS))
@settings(max_examples=300)
def test_a_field_is_the_same_however_often_it_is_written(text: str, key: str) -> None:
    """What was found harmless once is what a search leaves as it is; nested fields are always searched."""
    redactor = Redactor(KnownSecrets())

    written = [redactor.fields({key: text}) for _ in range(2)]

    assert written == [redactor.fields({"nested": {key: text}})["nested"]] * 2


def test_a_text_that_becomes_a_secret_is_masked_from_then_on() -> None:
    """However often it was written before: a new token may look like an id that was harmless."""
    known = KnownSecrets()
    redactor = Redactor(known)
    before = [redactor.fields({"external_id": "visit-0123456789"}) for _ in range(3)]
    known.add("0123456789")

    assert before == [{"external_id": "visit-0123456789"}] * 3
    assert redactor.fields({"external_id": "visit-0123456789"}) == {"external_id": f"visit-{MASK}"}


def test_no_more_texts_are_remembered_than_a_few_hundred() -> None:
    """A process that writes millions of ids does not keep them."""
    redactor = Redactor(KnownSecrets())
    remembered = set()
    for number in range(3 * MOST_HARMLESS):
        redactor.fields({"external_id": f"visit-{number}"})
        remembered.add(len(redactor._harmless[1]))

    assert max(remembered) == MOST_HARMLESS
