"""Tell the demo as a story: numbered steps, each line in a style of its own."""

import textwrap
from typing import Protocol

WIDTH = 78
INDENT = "   "
BOLD, DIM, GREEN, RED = "1", "2", "32", "31"


class Show(Protocol):
    """Prints a line in a style, where there are colours."""

    def __call__(self, line: str, *, style: str = "") -> None:
        """Print it."""


class Story:
    """Prints one step after the other by *show*."""

    def __init__(self, show: Show) -> None:
        """Begin with step 1."""
        self._show = show
        self._step = 0

    def title(self, text: str) -> None:
        """Print the first line of all."""
        self._show(text, style=BOLD)

    def step(self, text: str) -> None:
        """Begin the next step."""
        self._step += 1
        self._show("")
        self._show(f"{self._step}. {text}", style=BOLD)

    def heading(self, text: str) -> None:
        """Print a heading that is no step."""
        self._show("")
        self._show(text, style=BOLD)

    def tell(self, text: str) -> None:
        """Print a sentence or two, in lines that fit a terminal."""
        for line in textwrap.wrap(text, WIDTH - len(INDENT), break_on_hyphens=False):
            self._show(INDENT + line)

    def quote(self, text: str) -> None:
        """Print something as it is: a path, a URL, a line of output."""
        self._show(INDENT + text, style=DIM)

    def statement(self, sql: str) -> None:
        """Print SQL of ours, in its own lines."""
        for line in (INDENT + sql).splitlines():
            self._show(line, style=DIM)

    def command(self, text: str) -> None:
        """Print something to type."""
        self._show(INDENT + text)

    def good(self, text: str) -> None:
        """Print what went as it should."""
        self._show(INDENT + text, style=GREEN)

    def bad(self, text: str) -> None:
        """Print what did not."""
        self._show(INDENT + text, style=RED)
