"""Open what people name as a file: a plain one of a bounded size, at once, whatever it turns out to be."""

import os
import stat
from pathlib import Path

MOST_BYTES = 1 << 20  # of settings, secrets and the like

KINDS = {
    stat.S_IFIFO: "a pipe",
    stat.S_IFDIR: "a directory",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFSOCK: "a socket",
}


class NotPlain(Exception):
    """It is no plain file, or too large a one; the text says so, as in "is a pipe, not a file"."""


def open_plain(path: Path, *, most: int = MOST_BYTES) -> int:
    """Return a descriptor of a plain file of at most *most* bytes, opened for reading.

    Raises:
        NotPlain: it is something else, or larger.
        OSError: the system does not let us, or there is none.
    """
    require_plain(path.stat(), most)  # a device may act when it is opened, and a pipe waits for a writer
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    try:
        require_plain(os.fstat(descriptor), most)  # it may be another one by now
    except NotPlain:
        os.close(descriptor)
        raise
    return descriptor


def require_plain(status: os.stat_result, most: int = MOST_BYTES) -> None:
    """Refuse what is no plain file, and a larger one.

    Raises:
        NotPlain: it is.
    """
    if not stat.S_ISREG(status.st_mode):
        raise NotPlain(f"is {KINDS.get(stat.S_IFMT(status.st_mode), 'something else')}, not a file")
    if status.st_size > most:
        raise NotPlain(f"is larger than {most >> 20} MiB")
