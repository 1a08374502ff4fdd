"""``envoy-worker db``: the schema of the database."""

import typer

from worker.cli.db.restored import restored
from worker.cli.opening import opened
from worker.cli.output import say, show


def register(app: typer.Typer) -> None:
    """Add the commands."""
    db = typer.Typer(no_args_is_help=True)
    db.command("upgrade")(upgrade)
    db.command("current")(current)
    db.command("restored")(restored)
    app.add_typer(db, name="db", help="Migrate the database, see its schema, or say that it was restored.")


def upgrade() -> None:
    """Migrate the database to this release's schema; a second time does nothing.

    On PostgreSQL it also lets the triggers fire no matter who writes, where a restore has switched that off.
    """
    from worker.database import schema, triggers

    with opened(access="create") as context:
        silent = triggers.silent(context.any_database).switched_off
        before, after = schema.upgrade(context.any_database)
    if before == after:
        show(f"the schema is at {after} already")
    else:
        show(f"the schema was {f'at {before}' if before else 'empty'}, and is at {after} now")
    if silent and before == after:
        show(f"switched on again: {', '.join(silent)}")


def current() -> None:
    """Print the schema's revision; what to do about it goes to stderr."""
    from worker.database import schema
    from worker.errors import SchemaError

    with opened(access="read") as context:
        show(schema.current(context.any_database) or "empty")
        try:
            schema.require_fit(context.any_database)
        except SchemaError as error:
            say(f"{error} -- {error.hint}")
