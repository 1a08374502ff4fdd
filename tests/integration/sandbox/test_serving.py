"""The sandbox in the foreground of a real process, and what it does with strange clients."""

import signal
import socket
import subprocess
import sys
from collections.abc import Iterator

import httpx
import pytest

from worker.sandbox import Sandbox

PROGRAM = """
from worker.sandbox import serve
serve(0, announce=lambda sandbox: print(sandbox.url, flush=True), companies=2)
"""


@pytest.fixture
def process() -> Iterator[subprocess.Popen[str]]:
    """Start a process that serves the sandbox."""
    with subprocess.Popen([sys.executable, "-c", PROGRAM], stdout=subprocess.PIPE, text=True) as started:
        yield started
        started.kill()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_serve_answers_until_the_signal_and_ends_with_0(
    process: subprocess.Popen[str], number: signal.Signals
) -> None:
    """It announces its address once it answers, prints nothing else, and stops when asked."""
    assert process.stdout is not None
    url = process.stdout.readline().strip()
    answer = httpx.get(f"{url}/sandbox/ledger")
    process.send_signal(number)

    assert answer.json()["requests"] == 0
    assert process.wait(10) == 0
    assert process.stdout.read() == ""


def test_a_client_that_speaks_no_http_gets_a_400() -> None:
    """Noise is answered and cut off, and the sandbox serves on."""
    with Sandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"hello\r\n\r\n")
            answer = connection.recv(1000)

        assert answer.startswith(b"HTTP/1.1 400 ")
        assert httpx.get(sandbox.url).status_code == 200


def test_a_request_cut_off_in_the_middle_is_not_counted() -> None:
    """A client killed while it writes has made no request."""
    with Sandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(b"POST /v1/invites HTTP/1.1\r\nContent-Length: 100\r\n\r\n{")
        httpx.get(sandbox.url)

    assert sandbox.ledger()["requests"] == 0


def test_many_requests_share_one_connection() -> None:
    """The connection stays open from one request to the next."""
    with Sandbox() as sandbox, httpx.Client(base_url=sandbox.url) as client:
        streams = {client.get("/").extensions["network_stream"] for _ in range(3)}

    assert len(streams) == 1


def test_a_taken_port_is_an_oserror() -> None:
    """Anyone who starts a second sandbox on the port learns it at once."""
    with Sandbox() as sandbox:
        port = int(sandbox.url.rpartition(":")[2])
        with pytest.raises(OSError, match="in use"):
            Sandbox(port).start()
