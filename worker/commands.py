"""What a message tells an operator to type, written so that a shell takes it as it is meant.

A name in it may be a stranger's: of a connection that a row names, of a file.
"""

import os
import shlex

from worker.visible import is_plain, visible

PROGRAM = "envoy-worker"
_BYTES = range(0xDC80, 0xDD00)


def command(words: str, *operands: str, then: str = "") -> str:
    """Return a command of ours: its own *words*, what it names, and the options *then*.

    Where *words* end in an option, the first operand is its value.
    """
    own, named = f"{PROGRAM} {words}", [quoted(operand) for operand in operands]
    dashed = any(operand.startswith("-") for operand in operands)
    if dashed and own.rpartition(" ")[2].startswith("--"):
        return " ".join([f"{own}={named[0]}", *named[1:], *then.split()])
    if dashed:  # all that is behind `--` is named, however it begins
        return " ".join([own, *then.split(), "--", *named])
    return " ".join([own, *named, *then.split()])


def quoted(text: str) -> str:
    """Return one word for a shell.

    What cannot be seen is written as bash and zsh have it; any other shell takes it for another word,
    and runs nothing of it.
    """
    if visible(text) == text:
        # zsh takes a word that begins so for the path of a command.
        return f"'{text}'" if text.startswith("=") and shlex.quote(text) == text else shlex.quote(text)
    return f"$'{''.join(map(_typed, text))}'"


def quoted_path(path: str | os.PathLike[str]) -> str:
    """Return a file's path for a shell; it is not taken for an option."""
    text = os.fspath(path)
    return quoted(f"./{text}" if text.startswith("-") else text)


def _typed(sign: str) -> str:
    code = ord(sign)
    if sign == "'":
        return r"\x27"  # no shell takes it for the end of the word
    if sign == "\\":
        return r"\\"
    if is_plain(sign):
        return sign
    if code in _BYTES:  # of a file's name that is no UTF-8, as Python keeps it
        return f"\\x{code - 0xDC00:02x}"
    if code < 0x80:  # noqa: PLR2004 -- ASCII: of others \\x is one byte only
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code <= 0xFFFF else f"\\U{code:08x}"  # noqa: PLR2004 -- four digits
