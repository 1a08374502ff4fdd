"""``envoy-worker sandbox``."""

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    _ = app
