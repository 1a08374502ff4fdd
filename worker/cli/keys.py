"""``envoy-worker keys``: the keys that tokens are encrypted with at rest."""

import typer

from worker.cli.formatting import counted
from worker.cli.opening import opened
from worker.cli.output import complain, say, show
from worker.errors import ExitCode


def register(app: typer.Typer) -> None:
    """Add the commands."""
    keys = typer.Typer(no_args_is_help=True)
    keys.command("new")(new)
    keys.command("rotate")(rotate)
    app.add_typer(keys, name="keys", help="Make and rotate the keys that tokens are encrypted with.")


def new() -> None:
    """Print a new key, alone on stdout; no setting is read and nothing is stored."""
    from worker.connections.vault import new_key

    # A shell puts it into a variable as it is: KEY=$(envoy-worker keys new).
    show(new_key())


def rotate() -> None:
    """Encrypt all stored tokens under the first of WORKER_ENCRYPTION_KEYS.

    Put the new key in front of the old one, restart the workers, run this, and take the old key out.
    """
    from worker.connections.rotation import rotate as rotate_all

    with opened() as context:
        rotation = rotate_all(context.database, context.vault)
    show(f"{counted(rotation.changed, 'connection')} re-encrypted under the newest key")
    for name in rotation.renewed_soon:
        say(f"{name}: its access token cannot be read; the next refresh gives a new one")
    for damage in rotation.damaged:
        complain(damage)
    if rotation.damaged:
        say("the others are done; these stay as they are, and keep the older keys until they are repaired")
        raise typer.Exit(ExitCode.NEEDS_AUTHORISATION)
    say("the older keys may be taken out of WORKER_ENCRYPTION_KEYS once a second run changes nothing")
