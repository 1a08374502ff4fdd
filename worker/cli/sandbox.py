"""``envoy-worker sandbox``: the stand-in of Envoy, to try things out."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from worker.cli.output import say, show
from worker.errors import UsageError

if TYPE_CHECKING:
    from worker.sandbox import Faults, Sandbox

# No secrets: they are printed, to be pasted, and open nothing but the sandbox.
CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"

LEAST_REFUSAL = 400

Port = Annotated[int, typer.Option(min=0, max=65535, help="Listen here; 0 takes a free one.")]
Companies = Annotated[int, typer.Option(min=1, max=100, help="So many customers.")]
TokenSeconds = Annotated[float, typer.Option(min=1, help="How long an access token lives.")]
Latency = Annotated[float, typer.Option(min=0, help="Seconds before each answer.")]
RateLimit = Annotated[float, typer.Option(min=0, help="429 beyond so many requests a second.")]
RetryAfter = Annotated[str, typer.Option(help="The Retry-After of a 429: seconds, or date:SECONDS.")]
ThrottledShare = Annotated[float, typer.Option(min=0, max=1, help="Answered by 429, not executed.")]
ErrorShare = Annotated[float, typer.Option(min=0, max=1, help="Answered by 500, not executed.")]
LostShare = Annotated[float, typer.Option(min=0, max=1, help="Executed, and never answered.")]
GarbageShare = Annotated[float, typer.Option(min=0, max=1, help="Executed, and answered by HTML.")]
IdleClose = Annotated[float, typer.Option(min=0, help="Connections idle for longer are cut; 0 keeps all.")]
RefuseNulls = Annotated[
    Literal["400", "422"] | None, typer.Option(help="Answers an update that empties a field, by null or [].")
]
RefuseNullsOf = Annotated[
    list[str] | None,
    typer.Option(metavar="FIELD", help="With --refuse-nulls: of this field only, as notes; repeatable."),
]
Lists = Annotated[
    str, typer.Option(help="Which lists the next five change: invites,flows,locations,employees.")
]
PageCap = Annotated[int, typer.Option(min=0, help="A page has so many items at most, whatever was asked.")]
PageIgnored = Annotated[bool, typer.Option("--page-ignored", help="Each page of a list is the first one.")]
ListOrder = Annotated[
    Literal["ignored", "reversed", "shuffled"] | None, typer.Option(help="Of a list, whatever was asked.")
]
ListMeta = Annotated[
    Literal["absent", "low", "high", "negative", "text", "of_page", "as_asked"] | None,
    typer.Option(help="A list's meta is absent, or its total (as_asked: its perPage) is not true."),
]
BeyondEnd = Annotated[
    Literal["400", "404", "last"] | None,
    typer.Option(help="What a page beyond a list's end is; last: the last one again."),
]
ListCut = Annotated[int, typer.Option(min=0, help="So many items of a list are shown; its total counts all.")]
NamesShown = Annotated[
    Literal["decomposed", "entities", "trimmed", "without_emoji", "upper"] | None,
    typer.Option(help="How names of visitors, locations and flows come back."),
]
Outage = Annotated[Literal["drop", "503"] | None, typer.Option(help="Nothing works, in this way.")]
Lost = Annotated[
    Literal["html", "json"] | None,
    typer.Option(help="A gateway lost its routes and answers 404 itself, in this form; nothing is executed."),
]
LostStatus = Annotated[
    int, typer.Option(min=400, max=499, help="What the gateway answers: 404, 405, 406, 410, 415.")
]
LostOnly = Annotated[
    str,
    typer.Option(
        help='Which routes it lost, such as "DELETE /v1/invites/, POST /v1/invites$"'
        " (how a request begins; $: the whole of it); all where it is not given."
    ),
]
RefuseStatus = Annotated[
    int,
    typer.Option(min=0, max=499, help="Refuse every write alike, by this status, 400 to 499."),
]
RefuseMessage = Annotated[str, typer.Option(help="What such a refusal says; {n} becomes a number.")]
RefuseCompanies = Annotated[str, typer.Option(help='Refuse those of these companies only: "10000,10001".')]
Seed = Annotated[int, typer.Option(help="Of the draws, so that a run can be repeated.")]


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("sandbox")(sandbox)


def sandbox(
    *,
    port: Port = 8090,
    companies: Companies = 1,
    token_seconds: TokenSeconds = 86_400,
    latency: Latency = 0,
    rate_limit: RateLimit = 0,
    retry_after: RetryAfter = "1",
    throttled_share: ThrottledShare = 0,
    error_share: ErrorShare = 0,
    lost_share: LostShare = 0,
    garbage_share: GarbageShare = 0,
    idle_close: IdleClose = 0,
    refuse_nulls: RefuseNulls = None,
    refuse_nulls_of: RefuseNullsOf = None,
    lists: Lists = "",
    page_cap: PageCap = 0,
    page_ignored: PageIgnored = False,
    list_order: ListOrder = None,
    list_meta: ListMeta = None,
    beyond_end: BeyondEnd = None,
    list_cut: ListCut = 0,
    names_shown: NamesShown = None,
    outage: Outage = None,
    lost: Lost = None,
    lost_status: LostStatus = 404,
    lost_only: LostOnly = "",
    refuse_status: RefuseStatus = 0,
    refuse_message: RefuseMessage = "Request {n} is invalid",
    refuse_companies: RefuseCompanies = "",
    seed: Seed = 0,
) -> None:
    """Serve a stand-in of Envoy on this machine, until Ctrl-C.

    Every fault is off by default; the shares are of the requests that create or change an invite.  More
    faults can be switched on while it runs: POST them as JSON to /sandbox/faults.
    """
    from worker.sandbox import Faults

    if 0 < refuse_status < LEAST_REFUSAL:
        raise UsageError("--refuse-status: a refusal is 400 to 499, and 0 refuses nothing")
    if throttled_share + error_share + lost_share + garbage_share > 1:
        raise UsageError("the shares add up to more than 1")
    faults = Faults(
        latency_seconds=latency,
        rate_limit_per_second=rate_limit,
        retry_after=retry_after,
        error_429_share=throttled_share,
        error_500_share=error_share,
        drop_after_share=lost_share,
        garbage_share=garbage_share,
        idle_close_seconds=idle_close,
        refuse_nulls=int(refuse_nulls or 0),
        refuse_nulls_of=tuple(refuse_nulls_of or ()),
        lists=lists,
        page_cap=page_cap,
        page_ignored=page_ignored,
        list_order=list_order or "",
        list_meta=list_meta or "",
        beyond_end=beyond_end or "",
        list_cut=list_cut,
        names_shown=names_shown or "",
        outage=outage or "",
        lost=lost or "",
        lost_status=lost_status,
        lost_only=lost_only,
        refuse_status=refuse_status,
        refuse_message=refuse_message,
        refuse_companies=refuse_companies,
        seed=seed,
    )
    _serve(port, companies, token_seconds, faults)


def _serve(port: int, companies: int, token_seconds: float, faults: "Faults") -> None:
    from worker.sandbox import serve

    try:
        serve(
            port,
            announce=_announce,
            client_id=CLIENT_ID,
            client_secret=CLIENT_SECRET,
            access_token_seconds=token_seconds,
            companies=companies,
            faults=faults,
        )
    except OSError as error:
        raise UsageError(f"port {port}: {error.strerror}", hint="take another one with --port") from None


def _announce(sandbox: "Sandbox") -> None:
    show(sandbox.url)
    say("the stand-in of Envoy answers there; its page shows the invites it holds; Ctrl-C ends it")
    say(f"what it has seen: {sandbox.url}/sandbox/ledger")
    say(f"faults, to switch while it runs: {sandbox.url}/sandbox/faults")
    say("")
    say("to use it, put these lines into .env, or export them:")
    for line in _settings_lines(sandbox):
        say(f"  {line}")


def _settings_lines(sandbox: "Sandbox") -> list[str]:
    """Return the variables that point the worker at the sandbox."""
    return [
        f"WORKER_ENVOY__API_URL={sandbox.api_url}",
        f"WORKER_ENVOY__AUTHORIZE_URL={sandbox.authorize_url}",
        f"WORKER_ENVOY__TOKEN_URL={sandbox.token_url}",
        f"ENVOY_CLIENT_ID={CLIENT_ID}",
        f"ENVOY_CLIENT_SECRET={CLIENT_SECRET}",
    ]
