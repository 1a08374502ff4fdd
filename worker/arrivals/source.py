"""What a database tells of callers' changes."""

from typing import Protocol


class Line(Protocol):
    """One connection by which changes are noticed; it may be lost at any time."""

    def look(self) -> bool:
        """Wait for a moment, and return whether something arrived; the driver's own errors come through."""

    def close(self) -> None:
        """Give the connection up."""


class Source(Protocol):
    """Where lines come from."""

    def open(self) -> Line | None:
        """Return a line, None if there is nothing to be noticed."""
