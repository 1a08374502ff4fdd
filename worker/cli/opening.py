"""Open the process's context for one command, with its events going where they belong."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, TextIO

from worker.cli.output import say

if TYPE_CHECKING:
    from worker.context import Context
    from worker.database import Access


@contextmanager
def opened(*, access: "Access" = "write", events_to: TextIO | None = None) -> Iterator["Context"]:
    """Give the context; events go to stderr, or where the command says.

    A command that only reads says so by *access*: it then leaves no trace in the database, and beside it.
    """
    from worker import loading, logs
    from worker.context import Context
    from worker.database.sqlite.mark import unsaid
    from worker.settings import environment

    with Context.from_environment(environment(), access=access) as context:
        logs.configure(
            format=context.settings.log.format,
            level=context.settings.log.level,
            stream=events_to or sys.stderr,
            secrets=context.secrets.values(),
        )
        if access == "read" and context.marked_file is not None:
            say(f"{(told := unsaid(context.marked_file))} -- {told.hint}")
        loading.end()
        yield context
