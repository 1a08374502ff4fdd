"""``envoy-worker sandbox``: the stand-in of Envoy, to try things out."""

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from worker.cli.output import say, show
from worker.errors import UsageError

if TYPE_CHECKING:
    from worker.sandbox import Faults, Sandbox

# No secrets: they are printed, to be pasted, and open nothing but the sandbox.
CLIENT_ID, CLIENT_SECRET = "sandbox-client", "sandbox-secret"

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
Outage = Annotated[Literal["drop", "503"] | None, typer.Option(help="Nothing works, in this way.")]
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
    outage: Outage = None,
    seed: Seed = 0,
) -> None:
    """Serve a stand-in of Envoy on this machine, until Ctrl-C.

    Every fault is off by default; the shares are of the requests that create or change an invite.  More
    faults can be switched on while it runs: POST them as JSON to /sandbox/faults.
    """
    from worker.sandbox import Faults

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
        outage=outage or "",
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
