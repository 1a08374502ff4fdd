"""Tell the demo as a story: numbered steps; in colour on a terminal, plain anywhere else."""

import textwrap
from collections.abc import Callable

WIDTH = 78
INDENT = "   "
BOLD, DIM, GREEN, RED = "1", "2", "32", "31"


class Story:
    """Prints one step after the other by *show*; *colour* says whether escape codes are understood."""

    def __init__(self, show: Callable[[str], None], *, colour: bool) -> None:
        """Begin with step 1."""
        self._show = show
        self._colour = colour
        self._step = 0

    def title(self, text: str) -> None:
        """Print the first line of all."""
        self._show(self._styled(text, BOLD))

    def step(self, text: str) -> None:
        """Begin the next step."""
        self._step += 1
        self._show("")
        self._show(self._styled(f"{self._step}. {text}", BOLD))

    def heading(self, text: str) -> None:
        """Print a heading that is no step."""
        self._show("")
        self._show(self._styled(text, BOLD))

    def tell(self, text: str) -> None:
        """Print a sentence or two, in lines that fit a terminal."""
        for line in textwrap.wrap(text, WIDTH - len(INDENT), break_on_hyphens=False):
            self._show(INDENT + line)

    def quote(self, text: str) -> None:
        """Print something as it is: a path, a URL, a line of output."""
        self._show(INDENT + self._styled(text, DIM))

    def command(self, text: str) -> None:
        """Print something to type."""
        self._show(INDENT + text)

    def good(self, text: str) -> None:
        """Print what went as it should."""
        self._show(INDENT + self._styled(text, GREEN))

    def bad(self, text: str) -> None:
        """Print what did not."""
        self._show(INDENT + self._styled(text, RED))

    def _styled(self, text: str, style: str) -> str:
        return f"\x1b[{style}m{text}\x1b[0m" if self._colour else text
