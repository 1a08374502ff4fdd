"""Say that a database comes from a backup, where it does."""

from typing import TYPE_CHECKING

from worker.cli.formatting import counted, moment

if TYPE_CHECKING:
    from worker.database import Database
    from worker.invites.restored import Open

ENDS = "when nothing is left: `envoy-worker db restored --end`"


def told(database: "Database") -> str | None:
    """Return what is to be said of a database that counts as restored, None for any other."""
    from worker.invites import restored

    since = restored.since(database)
    if since is None:
        return None
    left = number(restored.left(database))
    return f"restored at {moment(since)}: each create is first looked up in Envoy; {left}"


def number(left: "Open") -> str:
    """Say how many creates Envoy may have."""
    return f"{counted(left.waiting, 'create')} to be looked up, {left.doubtful:,} unknown"
