"""The HTTP client and certificates, against a TLS server on loopback."""

import contextlib
import ipaddress
import socket
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Self

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from worker.envoy.http.client import HttpClient
from worker.errors import NotSent, OutcomeUnknown

# For a process of its own, as a command is.
ONE_REQUEST = """
import sys
from worker.envoy.http.client import HttpClient
with HttpClient(max_connections=1, user_agent="t/1", trust_env=True) as http:
    print(http.send("GET", sys.argv[1], deadline_seconds=5).status)
"""
OK = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"
TRICKLES = 1_500  # half a minute of them


def self_signed(folder: Path, *, days: int = 1) -> Path:
    """Write a key and its certificate for 127.0.0.1 that ends in so many days."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "loopback")])
    address = x509.SubjectAlternativeName([x509.IPAddress(ipaddress.ip_address("127.0.0.1"))])
    end = datetime.now(UTC) + timedelta(days=days)
    builder = x509.CertificateBuilder(name, name, key.public_key(), x509.random_serial_number())
    builder = builder.not_valid_before(end - timedelta(days=9)).not_valid_after(end)
    builder = builder.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
    certificate = builder.add_extension(address, critical=False).sign(key, hashes.SHA256())
    path = folder / "loopback.pem"
    secret = key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )
    path.write_bytes(secret + certificate.public_bytes(serialization.Encoding.PEM))
    return path


class TlsServer:
    """Takes connections one after the other; answers at once, or a header at a time for four seconds."""

    def __init__(self, pem: Path, *, trickle: bool = False) -> None:
        self._context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        self._context.load_cert_chain(pem)
        self._trickle = trickle
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"https://127.0.0.1:{self._listener.getsockname()[1]}"
        self.requests = 0
        self.connections = 0
        self._thread = threading.Thread(target=self._serve)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._listener.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._listener.close()

    def _serve(self) -> None:
        with contextlib.suppress(OSError):
            while True:
                connection, _ = self._listener.accept()
                self.connections += 1
                with connection, contextlib.suppress(OSError):
                    self._answer(connection)

    def _answer(self, connection: socket.socket) -> None:
        with self._context.wrap_socket(connection, server_side=True) as stream:
            stream.recv(65_536)
            self.requests += 1
            stream.sendall(b"HTTP/1.1 200 OK\r\n" if self._trickle else OK)
            for _ in range(TRICKLES if self._trickle else 0):
                stream.sendall(b"X-Drop: 1\r\n")
                time.sleep(0.02)


@pytest.fixture
def trusting(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HttpClient]:
    """Give a client that trusts the certificate written to tmp_path."""
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "loopback.pem"))
    self_signed(tmp_path)
    with HttpClient(max_connections=2, user_agent="test/1", trust_env=True) as client:
        yield client


def test_a_trusted_certificate_is_accepted(trusting: HttpClient, tmp_path: Path) -> None:
    """The host's own CA file counts where that is asked for."""
    with TlsServer(tmp_path / "loopback.pem") as server:
        answer = trusting.send("GET", server.url, deadline_seconds=5)

    assert (answer.status, server.requests) == (200, 1)


def test_deadlines_hold_inside_tls(trusting: HttpClient, tmp_path: Path) -> None:
    """A trickling server is no slower for being encrypted.

    Only time shows that: the bound is ten times the deadline, and a small part of what the server takes.
    """
    with TlsServer(tmp_path / "loopback.pem", trickle=True) as server:
        begin = time.monotonic()
        with pytest.raises(OutcomeUnknown) as caught:
            trusting.send("GET", server.url, deadline_seconds=0.5)
        took = time.monotonic() - begin

    assert caught.value.error_code == "timeout"
    assert took < 5


class TlsEcho(TlsServer):
    """Answers each request of a kept connection with its own body, read and written slowly."""

    def _answer(self, connection: socket.socket) -> None:
        # Small buffers: each side must wait for the other in the middle of a record.
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 65_536)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 65_536)
        with (
            self._context.wrap_socket(connection, server_side=True) as stream,
            stream.makefile("rb") as lines,
        ):
            while lines.readline():
                length = 0
                while (line := lines.readline().lower()) != b"\r\n":
                    length = int(line.split(b":")[1]) if line.startswith(b"content-length") else length
                body = lines.read(length)
                self.requests += 1
                stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n" % len(body))
                stream.sendall(body)


def test_large_bodies_go_through_tls_whole(trusting: HttpClient, tmp_path: Path) -> None:
    """Many records each way, over one connection that is kept."""
    with TlsEcho(tmp_path / "loopback.pem") as server:
        for size in (3, 1_000_000, 20_000):
            answer = trusting.send("POST", server.url, deadline_seconds=20, json="x" * size)
            assert answer.body == b'"' + b"x" * size + b'"'
        trusting.close()

    assert (server.requests, server.connections) == (3, 1)


@pytest.mark.parametrize("days", [1, -1], ids=["unknown", "expired"])
def test_a_bad_certificate_sends_nothing_and_needs_a_person(tmp_path: Path, days: int) -> None:
    """No token goes to a stranger, and the hint says what to check."""
    with (
        TlsServer(self_signed(tmp_path, days=days)) as server,
        HttpClient(max_connections=1, user_agent="t/1") as http,
        pytest.raises(NotSent) as caught,
    ):
        http.send("GET", server.url, deadline_seconds=5)

    assert caught.value.error_code == "tls_failed"
    assert "CA certificates" in caught.value.hint
    assert server.requests == 0


def test_the_environment_adds_no_trust_unasked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """SSL_CERT_FILE alone does not make a certificate good."""
    pem = self_signed(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(pem))
    with (
        TlsServer(pem) as server,
        HttpClient(max_connections=1, user_agent="t/1") as http,
        pytest.raises(NotSent) as caught,
    ):
        http.send("GET", server.url, deadline_seconds=5)

    assert caught.value.error_code == "tls_failed"


def test_session_keys_are_not_written_down(tmp_path: Path) -> None:
    """Anyone who sets SSLKEYLOGFILE could read every token in a recording of the traffic."""
    keys = tmp_path / "keys"
    with TlsServer(self_signed(tmp_path)) as server:
        done = subprocess.run(
            [sys.executable, "-c", ONE_REQUEST, server.url],
            env={"SSLKEYLOGFILE": str(keys), "SSL_CERT_FILE": str(tmp_path / "loopback.pem")},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=False,
        )

    assert (done.stdout, server.requests) == ("200\n", 1), done.stderr
    assert not keys.exists()


def test_a_handshake_that_never_ends_sent_nothing() -> None:
    """The server takes the connection and then says nothing."""
    with (
        socket.create_server(("127.0.0.1", 0)) as mute,
        HttpClient(max_connections=1, user_agent="t/1") as http,
        pytest.raises(NotSent) as caught,
    ):
        http.send("GET", f"https://127.0.0.1:{mute.getsockname()[1]}", deadline_seconds=0.2)

    assert caught.value.error_code == "connect_timeout"
