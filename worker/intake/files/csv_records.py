"""Read CSV records (RFC 4180), so that one broken quote does not swallow the lines after it."""

import csv
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from worker.intake.files.lines import TextLine

MOST_LINES = 100  # of one record; a quote that is open for longer was never meant


@dataclass(frozen=True, slots=True)
class Record:
    """The cells of one record; ``flaw`` says why they cannot be used, and is empty if they can.

    ``whole`` is the text of a record that could not be cut into its cells, else None.
    """

    number: int
    cells: list[str]
    flaw: str = ""
    whole: str | None = None


class _Feed:
    """Hands lines to the csv module, and remembers those of the record under way."""

    def __init__(self, lines: Iterator[TextLine]) -> None:
        self._lines = lines
        self._again: deque[TextLine] = deque()
        self.taken: list[TextLine] = []

    def __iter__(self) -> Iterator[str]:
        return self

    def __next__(self) -> str:
        if len(self.taken) == MOST_LINES:
            raise StopIteration
        line = self._again.popleft() if self._again else next(self._lines)
        self.taken.append(line)
        return line.text

    def give_back(self) -> None:
        """Hand out all lines but the first of this record once more."""
        self._again.extendleft(reversed(self.taken[1:]))
        del self.taken[1:]


def records(
    lines: Iterator[TextLine], delimiter: str, flaw_of: Callable[[list[str]], str] = lambda _cells: ""
) -> Iterator[Record]:
    """Give the records; *flaw_of* says what is wrong with a record's cells.

    A record with a broken quote, or one of several lines whose cells are wrong, is given up with its
    first line; the lines after it are read as records of their own.
    """
    feed = _Feed(lines)
    reader = csv.reader(feed, delimiter=delimiter, strict=True, skipinitialspace=True)
    while True:
        feed.taken.clear()
        try:
            cells = next(reader)
        except StopIteration:
            return
        except csv.Error as error:
            cells, flaw = [], _wording(error)
        else:
            flaw = flaw_of(cells) if cells else ""
        if flaw:
            # Where the quote should have ended nobody knows, so the next line begins a new record.
            feed.give_back()
        first = feed.taken[0]
        flaws = [line.flaw for line in feed.taken if line.flaw]
        cut = any(line.cut for line in feed.taken)
        whole = None if cells and not flaw and not cut else first.text.rstrip("\r\n")
        yield Record(first.number, cells, next(iter(flaws), flaw), whole)


def _wording(error: csv.Error) -> str:
    text = str(error)
    if "unexpected end of data" in text:
        return "has a quote that is opened and never closed"
    if "expected after" in text:
        return "has a broken quote: a quote inside a quoted cell is written twice"
    if "field limit" in text:
        return f"has a cell of more than {csv.field_size_limit():,} characters"
    return "has a line break inside a cell without quotes"
