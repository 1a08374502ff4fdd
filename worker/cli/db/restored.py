"""``envoy-worker db restored``: the database comes from a backup, until `--end` says that this is over."""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.db.restored_notice import ENDS, number
from worker.cli.formatting import counted, moment
from worker.cli.opening import opened
from worker.cli.output import show
from worker.commands import command

if TYPE_CHECKING:
    from worker.connections.tokens.refresh.spent import Spent
    from worker.context import Context


def restored(
    end: Annotated[bool, typer.Option("--end", help="Say that it is over: send as ever again.")] = False,
) -> None:
    """Say that the database was restored from a backup; to be typed before a worker runs on it.

    From then on each create is looked up in Envoy first, and no refresh token of the backup is used.
    """
    with opened() as context:
        for line in _ended(context) if end else _begun(context):
            show(line)


def _begun(context: "Context") -> Iterator[str]:
    from worker.database.schema import require_fit
    from worker.database.sqlite.mark import unmark
    from worker.invites import restored

    database, marked = context.any_database, context.marked_file
    require_fit(database)
    begun = restored.begin(database, first_look=context.settings.reconcile.look_up_after[0])
    if marked is not None:
        unmark(marked)  # only now: whatever ends this before, it is said once more
    if begun.before is not None:
        yield f"it counted as restored since {moment(begun.before)} already: all of it begins again"
    yield f"restored: since {moment(begun.since)} each create is first looked up in Envoy, which may have it"
    yield number(restored.left(database))
    yield from (_told_spent(one) for one in begun.spent)
    yield "next: feed again what the backup lacks, and start the worker; see `envoy-worker status`"
    yield ENDS


def _ended(context: "Context") -> Iterator[str]:
    from worker.invites import restored

    left = restored.end(context.database)
    if left is None:
        yield "the database does not count as restored: nothing was changed"
        return
    if left.waiting:
        yield f"{counted(left.waiting, 'create')} not looked up yet: sent from now on without a look"
    if left.doubtful:
        yield f"{counted(left.doubtful, 'create')} unknown: looked up all the same, or left for you"
    yield "the database counts as restored no longer"


def _told_spent(one: "Spent") -> str:
    used = f", its access token is used until {moment(one.usable_until)}" if one.usable_until else ""
    again = command("connect", one.name)
    return f"{one.name}: its refresh token is taken for spent{used} -- run `{again}`"
