"""The files of an import: the one that is read, or a copy of it, and the one of rejected lines; and a bar."""

import errno
import os
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, cast

from worker.errors import UsageError

if TYPE_CHECKING:
    from rich.progress import Progress

    from worker.intake.files.rejects import Rejects

STDIN = "-"
# An import keeps 160 bytes of each line, to know a repeated one: 300 MB for so much in usual lines.
MOST_BYTES = 256 << 20


@contextmanager
def reading(file: str, *, twice: bool) -> Iterator[BinaryIO]:
    """Give the file, or stdin; *twice*, a private copy that can be read again and that nobody changes.

    Raises:
        UsageError: it cannot be read.
        DiskFull: there is no room for the copy.
    """
    from worker.intake.files.rejects import trouble

    with ExitStack() as stack:
        name = "stdin" if file == STDIN else file
        try:
            stream: BinaryIO = _stdin() if file == STDIN else stack.enter_context(_plain(file))
            if twice:
                name = f"a copy of {name} in {tempfile.gettempdir()}"
                stream = stack.enter_context(_copy(stream))
        except OSError as error:
            failure = trouble(name, error)
        else:
            yield stream
            return
    raise failure


def _plain(file: str) -> BinaryIO:
    from worker.settings.plain import NotPlain, open_plain

    if Path(file).is_dir():  # nothing of it can be piped in
        raise IsADirectoryError(errno.EISDIR, os.strerror(errno.EISDIR))
    try:
        return os.fdopen(open_plain(Path(file), most=MOST_BYTES), "rb")
    except NotPlain as flaw:
        message = f"{file}: {flaw}"
    raise UsageError(
        message, hint="what is no file, or larger, goes in by `-`: ... | envoy-worker invites import -"
    )


def _stdin() -> BinaryIO:
    if sys.stdin is None:  # the process was started without one, as by `<&-`
        raise UsageError("stdin: is closed", hint="give a file, or pipe one in")
    return sys.stdin.buffer


def _copy(stream: BinaryIO) -> BinaryIO:
    """Return a copy that only its owner may read, and that has no name: it is gone with the process."""
    with ExitStack() as stack:
        copy = cast("BinaryIO", stack.enter_context(tempfile.TemporaryFile(prefix="envoy-worker-")))
        shutil.copyfileobj(stream, copy)
        copy.seek(0)
        stack.pop_all()  # the caller closes it
    return copy


@contextmanager
def rejected_to(file: str | None) -> Iterator["Rejects | None"]:
    """Give the file of rejected lines, if one is wanted; none is left by an import that failed."""
    from worker.intake.files.rejects import Rejects

    if file is None:
        yield None
        return
    rejects = Rejects(Path(file))
    try:
        yield rejects
    except UsageError:  # a mirror that would withdraw too much: its check has read the whole file
        rejects.close()
        raise
    except BaseException:
        rejects.discard()  # it lacks lines, and would be in the way when the import is repeated
        raise
    rejects.close()


class Bar:
    """A progress bar on a terminal, and nothing anywhere else."""

    def __init__(self, progress: "Progress | None", stream: BinaryIO, doing: str) -> None:
        self.doing = doing
        self._progress = progress
        # How many lines there are is known at the end only, how many bytes at once.
        self._stream = None if sys.stdin and stream is sys.stdin.buffer else stream
        if progress:
            size = os.fstat(stream.fileno()).st_size if self._stream else None
            self._task = progress.add_task(doing, total=size)

    def advance(self, lines: int) -> None:
        """Show how far the file is read."""
        if self._progress:
            place = self._stream.tell() if self._stream else None
            self._progress.update(self._task, completed=place, description=f"{self.doing}: {lines:,} lines")

    @contextmanager
    def aside(self) -> Iterator[None]:
        """Take the bar away for a moment: while it is there, what goes to stdout ends up on stderr."""
        if self._progress:
            self._progress.stop()
        yield
        if self._progress:
            self._progress.start()


@contextmanager
def bar(stream: BinaryIO, doing: str) -> Iterator[Bar]:
    """Give a bar for the stream on stderr, if that is a terminal."""
    if sys.stderr is None or not sys.stderr.isatty():
        yield Bar(None, stream, doing)
        return
    from rich.console import Console
    from rich.progress import Progress

    with Progress(console=Console(stderr=True), transient=True) as progress:
        yield Bar(progress, stream, doing)
