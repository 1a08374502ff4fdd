"""Envoy's stand-in as the measurements see it: a process of its own that can be told what to do."""

import json
import subprocess
import sys
import urllib.request
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from typing import Any

from bench.serving import HOST, Orders

ENDS_WITHIN_SECONDS = 10


@dataclass(frozen=True, slots=True)
class Create:
    """One create as the stand-in got it; *moment* of its first byte, by the host's monotonic clock."""

    email: str
    request_id: str
    company: str
    envoy_id: str
    moment: float


@dataclass(frozen=True, slots=True)
class Ledger:
    """All that the stand-in has seen."""

    creates: list[Create]
    counts: dict[str, int]
    cpu_seconds: float

    def twice(self) -> list[str]:
        """Return the invites that were created more than once."""
        return [email for email, number in Counter(one.email for one in self.creates).items() if number > 1]


@dataclass(frozen=True, slots=True)
class StandIn:
    """A stand-in that runs."""

    url: str

    @property
    def token_url(self) -> str:
        """Where refresh tokens go."""
        return f"{self.url}/token"

    def order(self, **orders: Any) -> None:  # noqa: ANN401 -- as Orders has them
        """Say what it shall do from now on; what is not named is as at first."""
        self._call("orders", asdict(Orders(**orders)))

    def forget(self) -> None:
        """Begin a new ledger."""
        self._call("forget", {})

    def ledger(self) -> Ledger:
        """Return what it has seen."""
        told = self._call("ledger")
        return Ledger([Create(*one) for one in told["creates"]], told["counts"], told["cpu_seconds"])

    def companies(self) -> dict[str, int]:
        """Return how many invites each company has by now."""
        return dict(self._call("companies"))

    def _call(self, what: str, content: object = None) -> dict[str, Any]:
        data = None if content is None else json.dumps(content).encode()
        request = urllib.request.Request(f"{self.url}/bench/{what}", data)  # noqa: S310 -- our own
        with urllib.request.urlopen(request, timeout=60) as answer:  # noqa: S310
            told: dict[str, Any] = json.load(answer)
        return told


@contextmanager
def stand_in(latency: float = 0) -> Iterator[StandIn]:
    """Give a stand-in that answers every request after *latency* seconds."""
    command = [sys.executable, "-m", "bench.serving"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        try:
            place = StandIn(f"http://{HOST}:{int(process.stdout.readline())}")
            place.order(latency=latency)
            yield place
        finally:
            process.terminate()
            process.wait(ENDS_WITHIN_SECONDS)
