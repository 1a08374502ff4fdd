"""Cut a stream of bytes into lines of text, one at a time, whatever the bytes are."""

import codecs
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

LONGEST_LINE = 1 << 20  # bytes


@dataclass(frozen=True, slots=True)
class TextLine:
    """One line of a file; ``flaw`` says why it cannot be used as it stands, and is empty if it can.

    One that was ``cut`` has lost its text.
    """

    number: int
    text: str
    flaw: str = ""
    cut: bool = False


def text_lines(stream: BinaryIO) -> Iterator[TextLine]:
    """Give the lines with their ends; bytes that are no UTF-8 stand in the text as lone surrogates."""
    number = 0
    while raw := stream.readline(LONGEST_LINE):
        number += 1
        if len(raw) == LONGEST_LINE and not raw.endswith(b"\n"):
            _skip_rest(stream)
            yield TextLine(number, "\n", f"is longer than {LONGEST_LINE:,} bytes", cut=True)
        else:
            yield _decoded(number, raw.removeprefix(codecs.BOM_UTF8) if number == 1 else raw)


def _skip_rest(stream: BinaryIO) -> None:
    while (more := stream.readline(LONGEST_LINE)) and not more.endswith(b"\n"):
        pass


def _decoded(number: int, raw: bytes) -> TextLine:
    # RFC 8259 and RFC 4180 know no way to name an encoding in the file, so UTF-8 it is.
    try:
        return TextLine(number, raw.decode())
    except UnicodeDecodeError as error:
        flaw = f"is not UTF-8, at byte {error.start + 1} of line {number}: save the file as UTF-8"
    return TextLine(number, raw.decode(errors="surrogateescape"), flaw)
