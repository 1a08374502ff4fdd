"""Who may use the sandbox's controls, and what stands on each of its answers, over real HTTP."""

import socket
from collections.abc import Callable, Iterator, Mapping
from typing import Any
from urllib.parse import urlencode

import httpx
import pytest

from worker.sandbox import Faults, Sandbox
from worker.sandbox.control import CONTROLS
from worker.sandbox.wire import HEADERS

CONSENT_PATH = "/a/auth/v0/authorize"
CONSENT = {
    "client_id": "sandbox-client",
    "redirect_uri": "https://evil.example/",
    "response_type": "code",
    "scope": "invites.write",
    "decision": "allow",
}

Ask = Callable[..., httpx.Response]


@pytest.fixture
def sandbox() -> Iterator[Sandbox]:
    """Serve a sandbox."""
    with Sandbox() as running:
        yield running


def port_of(sandbox: Sandbox) -> int:
    """Return where it answers."""
    return int(sandbox.url.rpartition(":")[2])


@pytest.fixture
def ask(sandbox: Sandbox) -> Iterator[Ask]:
    """Give what asks the sandbox as a browser or a program would: method, path, and headers."""
    with httpx.Client(base_url=sandbox.url, trust_env=False) as client:

        def asked(method: str, path: str, headers: Mapping[str, str], **body: Any) -> httpx.Response:
            return client.request(method, path, headers=dict(headers), **({"content": b"{}"} | body))

        yield asked


def strangers(port: int) -> list[dict[str, str]]:
    """Return the headers with which pages of other sites, other ports and other names come."""
    own = f"127.0.0.1:{port}"
    hosts = [
        "evil.example", f"evil.example:{port}", f"{own}.evil.example", f"127.0.0.1.evil.example:{port}",
        "127.0.0.1", "127.0.0.1:1", f"127.0.0.2:{port}", f"0.0.0.0:{port}", f"me@{own}", "",
    ]  # fmt: skip
    origins = [
        "https://evil.example", "null", f"https://{own}", "http://127.0.0.1:1", f"http://localhost:{port}",
        f"http://{own}.evil.example", f"http://{own}/", f"{own}", f"http://evil.example http://{own}",
    ]  # fmt: skip
    return [
        *({"Host": host} for host in hosts),
        *({"Origin": origin} for origin in origins),
        *({"Sec-Fetch-Site": site} for site in ("cross-site", "same-site", "other")),
        {"Sec-Fetch-Site": "cross-site", "Origin": "null"},
        {"Sec-Fetch-Site": "none", "Origin": "null"},
        {
            "Host": f"evil.example:{port}",
            "Origin": f"http://evil.example:{port}",
            "Sec-Fetch-Site": "same-origin",
        },
    ]


def test_a_page_of_another_origin_controls_nothing(sandbox: Sandbox, ask: Ask) -> None:
    """Neither its name in Host, nor its Origin, nor what the browser says of it is let in."""
    sandbox.set_faults(Faults(latency_seconds=0.001))
    for headers in strangers(port_of(sandbox)):
        for method, path in CONTROLS:
            answer = ask(method, path, headers)

            assert answer.status_code == 403, (method, path, headers)
            assert not {"ledger", "latency"} & set(answer.text.split('"'))
    assert sandbox.faults == Faults(latency_seconds=0.001)


def test_its_own_pages_and_programs_are_answered(sandbox: Sandbox, ask: Ask) -> None:
    """Typed, followed from one of its pages, or asked for by curl, under each name of this host."""
    port = port_of(sandbox)
    for name in (f"127.0.0.1:{port}", f"LOCALHOST:{port}", f"[::1]:{port}"):
        for headers in (
            {},
            {"Sec-Fetch-Site": "none"},
            {"Sec-Fetch-Site": "same-origin", "Origin": f"http://{name}"},
            {"Sec-Fetch-Site": "same-origin", "Origin": "null"},
        ):
            for method, path in CONTROLS:
                assert ask(method, path, {"Host": name, **headers}).status_code == 200, headers


def test_two_hosts_are_none(sandbox: Sandbox) -> None:
    """Which of them a browser meant cannot be told."""
    port = port_of(sandbox)
    own = f"Host: 127.0.0.1:{port}\r\n"
    for hosts in (f"{own}Host: evil.example\r\n", f"Host: evil.example\r\n{own}", ""):
        with socket.create_connection(("127.0.0.1", port)) as connection:
            connection.sendall(f"GET /sandbox/ledger HTTP/1.1\r\n{hosts}\r\n".encode())

            assert b" 403 " in connection.recv(1000).split(b"\r\n")[0], hosts


@pytest.mark.parametrize("headers", [{"Origin": "https://evil.example"}, {"Sec-Fetch-Site": "cross-site"}])
def test_another_site_does_not_press_allow(ask: Ask, headers: Mapping[str, str]) -> None:
    """The form of the consent page is sent by that page only; a browser says so, a program says nothing."""
    form = urlencode(CONSENT).encode()
    forged = ask("POST", CONSENT_PATH, headers, content=form)
    own = {"Sec-Fetch-Site": "same-origin", "Origin": "null"}
    honest = ask("POST", CONSENT_PATH, own, content=form)

    assert (forged.status_code, "Location" in forged.headers) == (403, False)
    assert honest.status_code == 303


def test_each_answer_has_the_headers_and_no_version(sandbox: Sandbox, ask: Ask) -> None:
    """Pages, JSON, refusals, redirects, and what is no HTTP: nothing is kept, framed or run."""
    asked = [
        ("GET", "/", 200), ("GET", "/sandbox/ledger", 200), ("GET", "/sandbox/style.css", 200),
        ("GET", "/nowhere", 404), ("PUT", "/sandbox/faults", 405), ("HEAD", "/", 405), ("OPTIONS", "/", 405),
        ("GET", "/v1/locations", 401), ("POST", "/a/auth/v0/token", 415),
        ("GET", "/a/auth/v0/authorize", 400),
    ]  # fmt: skip
    for method, path, status in asked:
        answer = ask(method, path, {})

        assert (answer.status_code, path) == (status, path)
        assert {name: answer.headers.get(name) for name in HEADERS} == {**HEADERS}
        assert "Server" not in answer.headers
    with socket.create_connection(("127.0.0.1", port_of(sandbox))) as connection:
        connection.sendall(b"hello\r\n\r\n")
        noise = connection.recv(4000).decode()
    assert all(f"{name}: {value}" in noise for name, value in HEADERS.items())
