"""What the status and body of an API answer mean."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.envoy.answers import decipher, may_be_a_gateways
from worker.errors import (
    EnvoyError,
    Forbidden,
    Misdirected,
    NotFound,
    OutcomeUnknown,
    Refused,
    RouteLost,
    Throttled,
    Unauthorised,
)


def error_of(status: int, body: bytes = b"", headers: Mapping[str, str] | None = None) -> EnvoyError:
    """Return the error that decipher raises."""
    with pytest.raises(EnvoyError) as caught:
        decipher(status, headers or {}, body)
    return caught.value


@pytest.mark.parametrize("status", [200, 201, 202, 204, 299])
def test_every_success_gives_its_object(status: int) -> None:
    """Any 2xx is a success, whichever Envoy chooses."""
    assert decipher(status, {}, b'{"data": {"id": "1"}}') == {"data": {"id": "1"}}


@pytest.mark.parametrize(("status", "kind"), [(199, OutcomeUnknown), (300, Misdirected)])
def test_what_lies_beside_the_successes_is_none(status: int, kind: type[EnvoyError]) -> None:
    """However well its body reads: an invite is sent on Envoy's word only."""
    assert type(error_of(status, b'{"data": {"id": "1"}}')) is kind


@pytest.mark.parametrize("body", [b"", b" \r\n"])
def test_an_empty_success_is_an_empty_object(body: bytes) -> None:
    """A DELETE may be answered without a body."""
    assert decipher(204, {}, body) == {}


@pytest.mark.parametrize(
    "body",
    [
        b"<html>ok</html>",
        b"[]",
        b"null",
        b'"x"',
        b'{"a": NaN}',
        b"{",
        b"\xff\xfe",
        b"[" * 200_000,
        b"1" * 5000,
    ],
)
def test_a_success_that_is_no_json_object_leaves_the_outcome_unknown(body: bytes) -> None:
    """A gateway's page with status 200 does not prove that an invite was made."""
    error = error_of(200, body)

    assert (OutcomeUnknown, "bad_answer", 200) == (type(error), error.error_code, error.http_status)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (301, Misdirected, "redirected"),
        (307, Misdirected, "redirected"),
        (400, Refused, "refused_400"),
        (401, Unauthorised, "unauthorised"),
        (403, Forbidden, "forbidden"),
        (404, RouteLost, "route_lost"),
        (405, RouteLost, "route_lost"),
        (406, RouteLost, "route_lost"),
        (408, OutcomeUnknown, "http_408"),
        (409, OutcomeUnknown, "http_409"),
        (413, Refused, "refused_413"),
        (410, RouteLost, "route_lost"),
        (415, RouteLost, "route_lost"),
        (418, Refused, "refused_418"),
        (422, Refused, "refused_422"),
        (425, Throttled, "rate_limited"),
        (429, Throttled, "rate_limited"),
        (500, OutcomeUnknown, "http_500"),
        (503, OutcomeUnknown, "http_503"),
        (101, OutcomeUnknown, "http_101"),
        (600, OutcomeUnknown, "http_600"),
    ],
)
def test_each_status_has_one_meaning(status: int, kind: type[EnvoyError], code: str) -> None:
    """Only a status that surely means "not executed" is anything but OutcomeUnknown."""
    error = error_of(status, b"<html>")

    assert (kind, code, status) == (type(error), error.error_code, error.http_status)


@pytest.mark.parametrize(
    ("status", "kind", "code"),
    [
        (404, NotFound, "not_found"),
        (405, Refused, "refused_405"),
        (406, Refused, "refused_406"),
        (410, NotFound, "not_found"),
        (415, Refused, "refused_415"),
    ],
)
def test_what_an_address_is_refused_for_is_envoys_own_word_only_as_a_json_object(
    status: int, kind: type[EnvoyError], code: str
) -> None:
    """And even then it needs a proof; every other body is that of something before Envoy."""
    error = error_of(status, b'{"message": "not found"}')

    assert (kind, code, True) == (type(error), error.error_code, may_be_a_gateways(error))
    for body in (b"", b"not found", b"<html>", b"[]", b"null", b'"x"'):
        assert type(error_of(status, body)) is RouteLost


@pytest.mark.parametrize("error", [None, ValueError(), Refused(http_status=422), Forbidden(http_status=403)])
def test_other_refusals_need_no_proof(error: BaseException | None) -> None:
    """What is wrong in a request is Envoy's to say."""
    assert not may_be_a_gateways(error)


@pytest.mark.parametrize(
    ("one", "other", "alike"),
    [
        (b'{"message": "row 1 is bad"}', b'{"message": "row 22 is bad"}', True),
        (b'{"message": "id f0-9c is bad"}', b'{"message": "id 77 is bad"}', True),
        (b'{"message": "bad", "requestId": "a"}', b'{"message": "bad", "requestId": "b"}', True),
        (b"<html>bad 1</html>", b"<html>bad 2</html>", True),
        (b"", b"{}", True),
        (b'{"message": "Ann is bad"}', b'{"message": "Bob is bad"}', False),
    ],
)
def test_refusals_are_compared_by_what_they_say(one: bytes, other: bytes, alike: bool) -> None:
    """Words with digits apart; and nothing of the text is kept, for it may name a visitor."""
    first, second = error_of(422, one).digest, error_of(422, other).digest

    assert alike == (first == second)
    assert error_of(400, one).digest != first
    assert "bad" not in str(first)
    assert error_of(503, one).digest is None


@pytest.mark.parametrize("status", [429, 503])
def test_the_wished_pause_is_handed_on(status: int) -> None:
    """Retry-After reaches the caller with the error, in seconds."""
    assert error_of(status, b"", {"Retry-After": "120"}).retry_after == 120.0


def test_a_pause_given_as_a_date_counts_from_the_clock_it_is_given() -> None:
    """Where the answer has no Date, the caller's now is the start of the wait."""
    now = datetime(2026, 3, 2, 15, 0, 0, tzinfo=UTC)

    with pytest.raises(Throttled) as caught:
        decipher(429, {"Retry-After": "Mon, 02 Mar 2026 15:00:30 GMT"}, b"", now=now)

    assert caught.value.retry_after == 30.0


def test_a_refusal_says_why_in_safe_words() -> None:
    """The operator reads Envoy's reason, without what may be a visitor's."""
    body = json.dumps({"message": "flow 200001 Jane Roe is disabled"}).encode()

    assert str(error_of(422, body)) == "Envoy answered 422: flow … is disabled"


def test_a_missing_scope_has_a_hint() -> None:
    """A 403 tells what to look for."""
    assert "scope" in error_of(403).hint


@given(
    status=st.integers(100, 699),
    body=st.binary()
    | st.recursive(st.none() | st.text(), st.lists).map(lambda data: json.dumps(data).encode()),
    header=st.text(),
)
def test_any_answer_is_data_or_a_typed_error(status: int, body: bytes, header: str) -> None:
    """Whatever comes back, the caller meets a dict or an EnvoyError, and nothing else."""
    outcome: dict[str, object] | EnvoyError
    try:
        outcome = decipher(status, {"Retry-After": header, "Date": header}, body)
    except EnvoyError as error:
        outcome = error

    assert isinstance(outcome, dict) or outcome.http_status == status
