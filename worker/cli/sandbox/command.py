"""``envoy-worker sandbox``: the stand-in of Envoy, to try things out."""

from typing import TYPE_CHECKING

import typer

from worker.cli.output import say, show
from worker.cli.sandbox.switches import (
    BeyondEnd,
    Companies,
    ErrorShare,
    GarbageShare,
    IdleClose,
    Latency,
    ListCut,
    ListMeta,
    ListOrder,
    Lists,
    LocationCompany,
    Lost,
    LostOnly,
    LostShare,
    LostStatus,
    NamesShown,
    Outage,
    PageCap,
    PageIgnored,
    Port,
    RateLimit,
    RefreshCompany,
    RefuseCompanies,
    RefuseMessage,
    RefuseNulls,
    RefuseNullsOf,
    RefuseStatus,
    RetryAfter,
    Seed,
    ThrottledShare,
    TokenCompany,
    TokenSeconds,
    TokenType,
    faults_of,
)
from worker.errors import UsageError

if TYPE_CHECKING:
    from worker.sandbox import Faults, Sandbox

# No secrets: they are printed, to be pasted, and open nothing but the sandbox.
CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"


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
    token_company: TokenCompany = None,
    refresh_company: RefreshCompany = "",
    token_type: TokenType = None,
    location_company: LocationCompany = "",
    seed: Seed = 0,
) -> None:
    """Serve a stand-in of Envoy on this machine, until Ctrl-C.

    Every fault is off by default; the shares are of the requests that create or change an invite.  More
    faults can be switched on while it runs: POST them as JSON to /sandbox/faults.
    """
    faults = dict(locals())
    for name in ("port", "companies", "token_seconds"):
        del faults[name]
    _serve(port, companies, token_seconds, faults_of(faults))


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
