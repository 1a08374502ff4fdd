"""``envoy-worker check``."""

import typer


def register(app: typer.Typer) -> None:
    """Add the command."""
    _ = app
