"""connect, through real processes, amid strangers: other sites' pages, other servers' answers, odd ids."""

from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from threading import Thread
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

import httpx

from tests.acceptance.connecting import begun, ended, redirected, visit
from tests.installation import PATIENCE_SECONDS, Installation
from worker.sandbox import Sandbox

EVIL = "https://evil.example"
COMPANY = b'"company_id": "10000"'


@contextmanager
def spoilt(token_url: str, company: bytes) -> Iterator[str]:
    """Give the address of a token endpoint that does all as another one, and writes the company as told."""

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            """Ask the honest one."""
            body = self.rfile.read(int(self.headers["Content-Length"]))
            asked = Request(token_url, body, {"Content-Type": "application/json"})  # noqa: S310 -- loopback
            with urlopen(asked, timeout=PATIENCE_SECONDS) as honest:  # noqa: S310 -- loopback
                answer = honest.read()
            assert COMPANY in answer
            answer = answer.replace(COMPANY, b'"company_id": ' + company)
            self.send_response_only(200)
            self.send_header("Content-Length", str(len(answer)))
            self.end_headers()
            self.wfile.write(answer)

        def log_message(self, *_: object) -> None:
            """Keep quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/token"
    finally:
        server.shutdown()
        server.server_close()


def exchanges(sandbox: Sandbox) -> int:
    """Return how often a code was exchanged."""
    return sum(sandbox.ledger()["by_route"].get("POST /a/auth/v0/token", {}).values())


def test_neither_another_name_nor_another_server_gets_a_code_exchanged(
    small_installation: Installation, sandbox: Sandbox
) -> None:
    """By another Host nothing comes in; an answer that names another issuer ends the flow, and says so."""
    process, url = begun(small_installation)
    right = redirected(url + "&auto=allow")

    rebound = httpx.get(right, headers={"Host": f"evil.example:{urlsplit(right).port}"}, trust_env=False)
    waits = process.poll() is None
    mixed_up = visit(f"{right}&iss={EVIL}")

    code, out, err = ended(process)
    assert (rebound.status_code, waits, mixed_up) == (400, True, 400)
    assert (code, out) == (77, "")
    assert err.splitlines()[-1].startswith("error: nothing was authorised: the answer is not of the server ")
    assert "evil" not in err
    assert exchanges(sandbox) == 0


def test_a_pasted_url_goes_by_the_same_rules(small_installation: Installation, sandbox: Sandbox) -> None:
    """Another issuer ends the flow before the code is used; the sandbox's own one is taken."""
    first, url = begun(small_installation, "--paste")
    refused = ended(first, f"{redirected(url + '&auto=allow')}&iss={EVIL}\n")
    before = exchanges(sandbox)
    second, url = begun(small_installation, "--paste")
    accepted = ended(second, f"{redirected(url + '&auto=allow')}&iss={sandbox.url}\n")

    assert (refused[0], before, accepted[0]) == (77, 0, 0)
    assert "connected" in accepted[2]


def test_an_odd_company_does_not_cost_the_code(small_installation: Installation, sandbox: Sandbox) -> None:
    """It is as if Envoy had named none: the customer, who has consented, is not asked again."""
    with spoilt(sandbox.token_url, rb'"\ud800"') as token_url:
        process, url = begun(small_installation, WORKER_ENVOY__TOKEN_URL=token_url)
        visit(url + "&auto=allow")
        code, _, err = ended(process)

    assert code == 0, err
    (stored,) = small_installation.rows("SELECT status, company_id FROM connection")
    assert stored["status"] == "active"
    assert stored["company_id"] in {None, "10000"}
