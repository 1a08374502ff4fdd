"""How Envoy may name a company: in a token answer, and by its locations."""

from typing import Any

from worker.envoy.resources import Location

# As JSON may have it; ... leaves the member out.
ODD: list[Any] = [
    ..., None, "", {"id": "10000"}, ["10000"], 10000.5, True, -1,
    "10000\ud800", "10000\x00", "\x1b[2J", "10 000", "1" * 200,
]  # fmt: skip


def places(*companies: str | None) -> list[Location]:
    """Return locations of these companies."""
    return [Location(f"{company}-{n}", "", True, None, company) for n, company in enumerate(companies)]
