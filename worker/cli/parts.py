"""Open the process's parts for one command, with its events going where they belong."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

if TYPE_CHECKING:
    from worker.context import Context


@contextmanager
def opened(*, events_to: TextIO | None = None) -> Iterator["Context"]:
    """Give the parts; events go to stderr, or where the command says."""
    from worker import logs
    from worker.context import Context
    from worker.settings import environment

    with Context.from_environment(environment()) as parts:
        logs.configure(
            format=parts.settings.log.format,
            level=parts.settings.log.level,
            stream=events_to or sys.stderr,
            secrets=parts.secrets.values(),
        )
        yield parts
