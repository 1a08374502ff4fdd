"""The sandbox in a process of its own, so that it does not share the worker's interpreter."""

import json
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from typing import Any

from worker.sandbox import Faults, Sandbox, serve

ENDS_WITHIN_SECONDS = 10


@dataclass(frozen=True, slots=True)
class StandIn:
    """A running sandbox: where it is, and a token for a client that keeps none itself."""

    url: str
    authorize_url: str
    token_url: str
    token: str = field(repr=False)

    def ledger(self) -> dict[str, Any]:
        """Return what it has seen."""
        with urllib.request.urlopen(f"{self.url}/sandbox/ledger", timeout=30) as answer:  # noqa: S310
            seen: dict[str, Any] = json.load(answer)
        return seen


@contextmanager
def stand_in(latency: float, *, companies: int = 1) -> Iterator[StandIn]:
    """Give a sandbox of so many companies that answers every request after *latency* seconds."""
    command = [sys.executable, "-m", "bench.stand_in", str(latency), str(companies)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            yield StandIn(**json.loads(process.stdout.readline()))
        finally:
            process.terminate()
            process.wait(ENDS_WITHIN_SECONDS)


def _announce(sandbox: Sandbox) -> None:
    described = {
        "url": sandbox.url,
        "authorize_url": sandbox.authorize_url,
        "token_url": sandbox.token_url,
        "token": sandbox.grant()["access_token"],
    }
    print(json.dumps(described), flush=True)


if __name__ == "__main__":
    serve(
        0,
        announce=_announce,
        faults=Faults(latency_seconds=float(sys.argv[1])),
        companies=int(sys.argv[2]),
    )
