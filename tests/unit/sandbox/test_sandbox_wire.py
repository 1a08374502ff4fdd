"""Reading requests from bytes and writing answers to them."""

import contextlib
import io

import pytest
from hypothesis import given
from hypothesis import strategies as st

from worker.sandbox.wire import Response, read_request, write_response


def written(response: Response) -> bytes:
    """Return all bytes sent for an answer, without waiting."""
    sent: list[bytes] = []
    write_response(sent.append, response, close=False, wait=lambda _: None)
    return b"".join(sent)


@given(st.binary(max_size=300))
def test_a_body_of_any_bytes_arrives_whole(body: bytes) -> None:
    """What lies behind Content-Length is read, and the next request begins after it."""
    head = b"POST /v1/invites?a=1 HTTP/1.1\r\nContent-Length: %d\r\nX-Request-Id: r\r\n\r\n" % len(body)
    stream = io.BytesIO(head + body + b"GET / HTTP/1.0\r\n\r\n")
    first, second = read_request(stream), read_request(stream)

    assert first is not None
    assert second is not None
    assert (first.method, first.path, first.query) == ("POST", "/v1/invites", {"a": "1"})
    assert (first.body, first.headers["x-request-id"], first.keep_alive) == (body, "r", True)
    assert (second.path, second.keep_alive) == ("/", False)


@given(st.binary(max_size=200))
def test_noise_is_refused_or_read_and_never_an_accident(noise: bytes) -> None:
    """Bytes that are no HTTP end in ValueError or in nothing, never in another error."""
    outcome = None
    with contextlib.suppress(ValueError):
        outcome = read_request(io.BytesIO(noise))

    assert outcome is None or len(noise.split(b"\n")[0].split()) == 3


def test_a_client_that_leaves_in_the_middle_sent_no_request() -> None:
    """A body cut short is not handled at all."""
    stream = io.BytesIO(b"POST /v1/invites HTTP/1.1\r\nContent-Length: 10\r\n\r\n{}")

    assert read_request(stream) is None


@pytest.mark.parametrize("drip", [0.0, 1.0])
def test_an_answer_arrives_whole_at_once_or_drop_by_drop(drip: float) -> None:
    """A slow answer has the same bytes as a fast one."""
    head, body = written(Response(200, b"x" * 101, drip_seconds=drip)).split(b"\r\n\r\n")

    assert body == b"x" * 101
    assert b"Content-Length: 101" in head


def test_a_cut_answer_announces_more_than_it_sends() -> None:
    """A client can tell that the body is incomplete."""
    head, body = written(Response(200, b"x" * 100, cut=True)).split(b"\r\n\r\n")

    assert len(body) == 50
    assert b"Content-Length: 100" in head
    assert b"Connection: close" in head
