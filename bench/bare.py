"""As many threads that store nothing: ``python -m bench.bare``, a process of its own.

What can be had at most from the HTTP library: either one client for all threads, or one each (they share
the TLS context, whose making costs more than all the rest of a client).
"""

import argparse
import json
import ssl
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import ExitStack, suppress
from dataclasses import asdict, dataclass
from itertools import count

import httpx

from bench import answers
from bench.stand_in import StandIn

COMPANY = "1"
TIMEOUT_SECONDS = 60  # all threads connect at once, and the machine may be busy


@dataclass(frozen=True, slots=True)
class Bare:
    """What one pass came to; CPU without the start."""

    requests: int
    seconds: float
    cpu_seconds: float
    shared: bool

    @property
    def speed(self) -> float:
        """Invites per second."""
        return self.requests / self.seconds

    @property
    def cpu_ms(self) -> float:
        """CPU milliseconds per invite."""
        return self.cpu_seconds / self.requests * 1000


def bare(place: StandIn, *, threads: int, requests: int, shared: bool) -> Bare:
    """Send so many creates from a process of its own, and return what that took."""
    command = [sys.executable, "-m", "bench.bare", place.url, str(threads), str(requests)]
    command += ["--shared"] * shared
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise SystemExit(f"bare ended with exit code {done.returncode}")
    return Bare(**json.loads(done.stdout))


def body_of(number: int) -> dict[str, object]:
    """Return an invite with all that a realistic row has."""
    return {
        "invite": {
            "expectedArrivalAt": "2035-05-01T10:00:00Z",
            "locationId": answers.location_id(COMPANY, "Berlin"),
            "flowId": answers.flow_id(COMPANY, "Berlin", "Visitor"),
            "invitee": {"name": f"Visitor Number {number}", "email": f"bare-{number}@example.com"},
            "notes": "Third floor, please ring the bell.\nBrings a laptop.",
            "sendEmailToInvitee": False,
            "customFields": [
                {"field": "Purpose of visit", "value": "Interview"},
                {"field": "Car", "value": f"B-XY {number}"},
            ],
        }
    }


def _send_all(url: str, threads: int, requests: int, *, shared: bool) -> Bare:
    """Open a connection a thread, then measure."""
    context = ssl.create_default_context()
    token = answers.tokens(COMPANY, 0)["access_token"]

    def client() -> httpx.Client:
        return httpx.Client(
            base_url=url,
            headers={"Authorization": f"Bearer {token}"},
            timeout=TIMEOUT_SECONDS,
            limits=httpx.Limits(max_connections=threads, max_keepalive_connections=threads),
            verify=context,
        )

    with ExitStack() as opened:
        first = opened.enter_context(client())
        clients = [first if shared else opened.enter_context(client()) for _ in range(threads)]
        seconds, cpu_seconds = _measured(clients, requests)
    return Bare(requests, seconds, cpu_seconds, shared)


def _measured(clients: list[httpx.Client], requests: int) -> tuple[float, float]:
    numbers = count()
    ready, go = threading.Barrier(len(clients) + 1), threading.Barrier(len(clients) + 1)

    def send(client: httpx.Client, number: int) -> None:
        headers = {"X-Request-Id": f"bare-{number}"}
        client.post("/v1/invites", json=body_of(number), headers=headers).raise_for_status()

    def run(client: httpx.Client, warm: int) -> None:
        try:
            send(client, warm)
            ready.wait()
            go.wait()
            while (number := next(numbers)) < requests:
                send(client, number)
        except BaseException:
            ready.abort()
            go.abort()
            raise

    with ThreadPoolExecutor(len(clients)) as pool:
        senders = [pool.submit(run, client, requests + place) for place, client in enumerate(clients)]
        with suppress(threading.BrokenBarrierError):  # a thread failed, and says below why
            ready.wait()
            began, used = time.monotonic(), time.process_time()
            go.wait()
    _require_success(senders)
    return time.monotonic() - began, time.process_time() - used


def _require_success(senders: Sequence[Future[None]]) -> None:
    """End with one line where a thread failed: what the others took says nothing then."""
    errors = [error for sender in senders if (error := sender.exception()) is not None]
    causes = [error for error in errors if not isinstance(error, threading.BrokenBarrierError)]
    if causes:
        raise SystemExit(f"bare: {len(causes)} of {len(senders)} threads failed: {causes[0]!r}")


class Best:
    """The better of the two ways, found out by one pass of each, and by that one from then on."""

    def __init__(self, measured: Callable[[bool], Bare]) -> None:
        """Find the better way; *measured* does one pass, with one client for all or not."""
        self._pass = measured
        each = self._pass(False)
        self.passes = [*self._with_one_client(), each]
        self.shared = self.passes[0].speed > each.speed

    def _with_one_client(self) -> list[Bare]:
        """Return a pass of one client for all; none if its pool lost an answer, as it may."""
        try:
            return [self._pass(True)]
        except SystemExit as error:
            print(f"{error}: a client each counts", file=sys.stderr)
            return []

    def again(self) -> None:
        """Do another pass in the better way; with a client each from then on, where one for all fails now."""
        found = self._with_one_client() if self.shared else []
        self.shared = bool(found)
        self.passes += found or [self._pass(False)]

    @property
    def counted(self) -> list[Bare]:
        """Return the passes that count."""
        return [one for one in self.passes if one.shared is self.shared]


def better_way(place: StandIn, *, threads: int, requests: int) -> Best:
    """Return the better of the two ways to send so many creates."""
    return Best(lambda shared: bare(place, threads=threads, requests=requests, shared=shared))


def main() -> None:
    """Read the command line, send, and print what it took."""
    parser = argparse.ArgumentParser(prog="python -m bench.bare", description=__doc__)
    parser.add_argument("url")
    parser.add_argument("threads", type=int)
    parser.add_argument("requests", type=int)
    parser.add_argument("--shared", action="store_true")
    given = parser.parse_args()
    print(json.dumps(asdict(_send_all(given.url, given.threads, given.requests, shared=given.shared))))


if __name__ == "__main__":
    main()
