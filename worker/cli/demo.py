"""``envoy-worker demo``: the main job end to end, on this machine alone."""

import sys
from pathlib import Path
from typing import Annotated

import typer

from worker.cli.output import show
from worker.commands import quoted_path

DEFAULT_FOLDER = Path("demo")


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("demo")(demo)


def demo(
    keep: Annotated[
        Path, typer.Option(metavar="DIR", help="Where its files go; they are made again each time.")
    ] = DEFAULT_FOLDER,
) -> None:
    """Show the main job end to end, offline.

    A customer is connected, 25 visits are imported and pushed; on SQLite and the sandbox, in half a minute.
    """
    from worker.demo.running import play
    from worker.demo.story import Story

    raise typer.Exit(play(Story(show), keep, _program()))


def _program() -> str:
    """Return how this program was called, so that it can be called again from here."""
    called = Path(sys.argv[0])
    if called.name == "envoy-worker":
        return quoted_path(_from_here(called))
    return f"{quoted_path(_from_here(Path(sys.executable)))} -m worker"


def _from_here(path: Path) -> str:
    absolute = path.absolute()
    here = Path.cwd()
    return str(absolute.relative_to(here)) if absolute.is_relative_to(here) else str(path)
