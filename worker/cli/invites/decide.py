"""``envoy-worker invites retry``, ``withdraw`` and ``resolve``: a person decides."""

from typing import TYPE_CHECKING, Annotated

import typer

from worker.addresses import without_addresses
from worker.cli.formatting import counted
from worker.cli.invites import add, import_file, list_and_show, template
from worker.cli.opening import opened
from worker.cli.output import complain, show
from worker.errors import ExitCode, UsageError

if TYPE_CHECKING:
    from worker.invites.store import Standing

Invite = Annotated[str, typer.Argument(metavar="INVITE", help="Its id, or CONNECTION/EXTERNAL_ID.")]


def register(app: typer.Typer) -> None:
    """Add the commands."""
    invites = typer.Typer(no_args_is_help=True)
    import_file.register(invites)
    template.register(invites)
    add.register(invites)
    list_and_show.register(invites)
    invites.command("retry")(retry)
    invites.command("withdraw")(withdraw)
    invites.command("resolve")(resolve)
    app.add_typer(invites, name="invites", help="Hand invites in, see how they stand, decide about them.")


def retry(
    invites: Annotated[
        list[str] | None, typer.Argument(metavar="[INVITE...]", help="Their ids, or CONNECTION/EXTERNAL_ID.")
    ] = None,
    rejected: Annotated[
        bool, typer.Option("--rejected", help="All that are rejected, of --connection.")
    ] = False,
    connection: Annotated[str | None, typer.Option(help="Whose, with --rejected.")] = None,
) -> None:
    """Make rejected or expired invites due again."""
    if rejected and connection and not invites:
        _retry_rejected(connection)
    elif invites and not rejected and connection is None:
        _retry_named(invites)
    else:
        raise UsageError("say which", hint="name invites, or give --rejected --connection NAME")


def _retry_rejected(connection: str) -> None:
    from worker.connections import store
    from worker.invites import moves

    with opened() as context:
        store.require(context.database, connection)
        number = moves.retry_rejected(context.database, connection)
    show(f"{connection}: {counted(number, 'invite')} pending again")


def _retry_named(invites: list[str]) -> None:
    from worker.invites import moves, store

    refused = False
    with opened() as context:
        # All are looked up before the first is changed, so that a typo changes nothing.
        for standing in [store.require(context.database, named) for named in invites]:
            try:
                moves.retry(context.database, standing)
            except UsageError as error:
                refused = True
                complain(error)
            else:
                show(f"{without_addresses(standing.name)}: pending")
    raise typer.Exit(ExitCode.USAGE if refused else ExitCode.DONE)


def withdraw(invite: Invite) -> None:
    """Say that a visit is not wanted any more."""
    from worker.invites import moves, store

    with opened() as context:
        standing = store.require(context.database, invite)
        withdrawn = moves.withdraw(context.database, standing)
    show(f"{without_addresses(standing.name)}: {_fate(standing) if withdrawn else 'was withdrawn before'}")


def _fate(standing: "Standing") -> str:
    """Say what becomes of an invite that is not wanted any more."""
    from worker.invites.states import IN_DOUBT

    if standing.delivery.status in IN_DOUBT:
        return f"it is {standing.delivery.status}; once that is settled, it is removed if Envoy has it"
    return "the next push removes it from Envoy" if standing.delivery.envoy_invite_id else "is not sent"


def resolve(
    invite: Invite,
    sent: Annotated[
        str | None, typer.Option("--sent", metavar="ENVOY_ID", help="Envoy has it, under this id.")
    ] = None,
    resend: Annotated[bool, typer.Option("--resend", help="Envoy has it not: send it again.")] = False,
) -> None:
    """Decide about an unknown invite, after a look into Envoy."""
    from worker.invites import moves, store

    if (sent is not None) == resend:
        raise UsageError("say what Envoy shows", hint="either --sent ENVOY_ID or --resend")
    with opened() as context:
        standing = store.require(context.database, invite)
        status = moves.resolve(context.database, standing, envoy_invite_id=sent)
    show(f"{without_addresses(standing.name)}: {status}")
