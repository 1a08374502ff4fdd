"""``envoy-worker connect``: a customer authorises our application, through OAuth2."""

import sys
from typing import TYPE_CHECKING, Annotated

import typer

from worker.cli.formatting import counted
from worker.cli.opening import opened
from worker.cli.output import say, show
from worker.errors import NeedsAuthorisation, UsageError

if TYPE_CHECKING:
    from worker.connections.consent.redirect import AuthorisationRequest
    from worker.connections.model import Connection
    from worker.context import Context


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("connect")(connect)


def connect(
    name: Annotated[str, typer.Argument(metavar="NAME", help="A short name for the customer: acme.")],
    paste: Annotated[
        bool, typer.Option("--paste", help="Take the redirected URL from stdin; for a browser elsewhere.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Wait so many seconds for the browser.")] = 300,
) -> None:
    """Connect a customer through OAuth2, or renew its grant.

    Prints the URL that an Envoy administrator of the customer opens in a browser, and waits for the answer.
    """
    from worker.connections.consent import grant, redirect
    from worker.connections.sealed import require_key
    from worker.connections.store import check_name

    check_name(name)
    with opened() as context:
        require_key(context.database, context.vault)  # whatever they lack shall not cost a consent
        _ = context.api
        request = redirect.begin(context.oauth, context.settings.envoy)
        url = _pasted(request) if paste else _received(request, timeout)
        code = redirect.code_from(request, url)
        look = context.api.first_locations
        connection = grant.finish(
            context.database, context.vault, context.oauth, name, request, code, look=look
        )
        say(f"{name}: connected" + (f" (company {connection.company_id})" if connection.company_id else ""))
        _look_around(context, connection)


def _received(request: "AuthorisationRequest", timeout: float) -> str:
    """Wait for the browser at the redirect URI."""
    from worker.connections.consent.loopback import RedirectListener
    from worker.connections.consent.redirect import code_from

    with RedirectListener(request.redirect_uri, validate=lambda url: code_from(request, url)) as listener:
        # Printed only now: anyone who opens it at once must find somebody listening.
        show(request.url)
        say("open this URL in a browser on this machine, signed in to Envoy as an administrator")
        say(f"waiting for Envoy's answer at {request.redirect_uri}, {timeout:g} s at most")
        url = listener.wait(timeout)
    if url is None:
        raise NeedsAuthorisation(
            f"nobody authorised within {timeout:g} s; nothing was stored",
            hint="run it again; where the browser is on another machine, with --paste",
        )
    return url


def _pasted(request: "AuthorisationRequest") -> str:
    """Read the URL that the browser ended up at, without echo: it holds the code."""
    from getpass import getpass

    show(request.url)
    say("open this URL in any browser, signed in to Envoy as an administrator")
    say(f"it ends at a page that may not load; its address begins with {request.redirect_uri}")
    try:
        if sys.stdin.isatty():
            url = getpass("paste that address here (it is not shown): ")
        else:
            url = sys.stdin.readline()
    except EOFError:
        url = ""
    if not url.strip():
        raise UsageError("no address was pasted; nothing was stored")
    return url


def _look_around(context: "Context", connection: "Connection") -> None:
    """Read the directory, find out whether invites may be read, and say so."""
    from worker.connections import store
    from worker.connections.tokens.calls import with_token
    from worker.directory import refresh

    assert connection.id is not None  # noqa: S101 -- a stored row has its id
    directory = refresh(context.database, context.api, context.tokens, connection)
    found = f"{counted(len(directory.locations), 'location')}, {counted(len(directory.flows), 'flow')}"
    say(f"{connection.name}: {found}")
    from worker.connections.scopes import READ_INVITES, has_scope

    if not has_scope(connection, READ_INVITES):
        return
    can_read = with_token(context.tokens, connection.id, context.api.can_read_invites)
    store.note_reading(context.database, connection.id, can_read)
    if not can_read:
        say(f"{connection.name}: {READ_INVITES} was asked for and not granted; doubtful invites wait for you")
