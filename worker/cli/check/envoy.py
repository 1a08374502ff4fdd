"""Check the grants, and the way to Envoy."""

from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import datetime, timedelta

from worker.cli.check.findings import Finding, attempt, fail, failures, ok, warn
from worker.cli.formatting import counted, moment, resume
from worker.commands import command
from worker.connections import store
from worker.connections.company import another_companys
from worker.connections.model import Connection
from worker.connections.scopes import READ_INVITES, may_read
from worker.connections.states import ConnectionStatus, HoldReason
from worker.connections.tokens.expiry import AccessToken
from worker.connections.tokens.stored import StoredTokens
from worker.connections.witness import apart
from worker.context import Context
from worker.database import utc_now
from worker.errors import EnvoyError, ExitCode, NeedsAuthorisation, Unauthorised
from worker.settings import secrets as names

MOST_SKEW_SECONDS = 30.0  # a date has whole seconds, and an answer its way
ENDS_SOON = timedelta(days=3)
USABLE = frozenset({ConnectionStatus.ACTIVE, ConnectionStatus.HELD})
MOST_LINES = 10  # more connections than these are told together, where nothing is wrong with one
MOST_NAMED = 3
MOST_UNANSWERED = 5


def findings(context: Context, only: str | None = None) -> Iterator[Finding]:
    """Yield how each grant stands, and whether Envoy answers; *only* names one connection."""
    with attempt() as looked:
        rows = [row for row in store.connections(context.database) if row.status != ConnectionStatus.REMOVED]
        now = context.database.read_now()
    if looked.error is not None:
        rows = []
    rows = [row for row in rows if only in {None, row.name}]
    statuses = {row.name: store.effective_status(row, now) for row in rows}
    for row in rows:
        yield from _grant(row, statuses[row.name], now)
    yield from _reading([row for row in rows if statuses[row.name] in USABLE and not may_read(row, now)])
    active = [row for row in rows if statuses[row.name] is ConnectionStatus.ACTIVE]
    tokens, ended, found = _tokens(context, active)
    yield from found
    yield from _ended(ended)
    if tokens:
        yield from _probes(context, tokens)
    else:
        yield _reach(context)
    yield from _clocks(context)


def _grant(row: Connection, status: ConnectionStatus, now: datetime) -> Iterator[Finding]:
    """Yield what is to be said of a grant without asking Envoy."""
    if status is ConnectionStatus.NEEDS_AUTHORISATION:
        yield from failures(
            NeedsAuthorisation(
                f"{row.name}: must be authorised again ({row.status_reason or 'no grant yet'})",
                hint=f"run `{command('connect', row.name)}`",
            )
        )
        return
    yield from _ending(row, now)
    if status is ConnectionStatus.HELD and row.hold_reason == HoldReason.OTHER_COMPANY:
        yield from failures(another_companys(row.name))
    elif status is ConnectionStatus.HELD:
        until = f" until {moment(row.held_until)}" if row.held_until else ""
        yield warn(f"{row.name}: held{until} ({row.hold_reason})", _end_of_hold(row))


def _end_of_hold(row: Connection) -> str:
    """Say what ends a hold before its time, or at all."""
    ends = resume(row.name, row.hold_reason)
    if row.hold_reason == HoldReason.DAMAGED_TOKEN:
        return f"the next start of the worker ends it if its tokens can be read; else `{ends}`"
    return f"`{ends}` ends it"


def _reading(rows: Sequence[Connection]) -> Iterator[Finding]:
    """Yield which connections may not read invites; of many in one line."""
    said = "may not read invites, so that a doubtful one waits for a person"
    repair = f"add {READ_INVITES} to [envoy] scopes, and run"
    if len(rows) > MOST_LINES:
        yield warn(f"{_together(rows)}: {said}", f"{repair} `envoy-worker connect NAME`")
    else:
        yield from (warn(f"{row.name}: {said}", f"{repair} `{command('connect', row.name)}`") for row in rows)


def _ending(row: Connection, now: datetime) -> Iterator[Finding]:
    """Yield what threatens a grant that still works."""
    if row.refresh_expires_at is not None and row.refresh_expires_at - now < ENDS_SOON:
        yield warn(
            f"{row.name}: its grant ends at {moment(row.refresh_expires_at)} unless it is refreshed",
            f"`{command('run-once keep_tokens_fresh --connection', row.name)}`, and see why nothing ran",
        )
    if row.refresh_token_enc is None:
        yield warn(
            f"{row.name}: its refresh token came from a backup and is not used;"
            f" its access token ends at {moment(row.access_expires_at)}",
            f"run `{command('connect', row.name)}`",
        )
    if row.refresh_error is not None:
        yield warn(f"{row.name}: its last refresh failed ({row.refresh_error})", "it is repeated by itself")


def _tokens(
    context: Context, rows: Sequence[Connection]
) -> tuple[list[tuple[Connection, AccessToken]], list[Connection], list[Finding]]:
    """Return the tokens that are valid by now, the connections of which it is not, and what went wrong.

    They are taken as they are stored: to refresh one is to spend the customer's refresh token.
    """
    tokens: list[tuple[Connection, AccessToken]] = []
    ended: list[Connection] = []
    found: list[Finding] = []
    if context.secrets.find(names.ENCRYPTION_KEYS) is None:
        return tokens, ended, found
    with attempt() as opened:
        stored = StoredTokens(context.database, context.vault, utc_now)
        for row in rows:
            if stored.is_damaged(row):  # told with the keys
                continue
            token = stored.valid(row, None)
            if token is None:
                ended.append(row)
            else:
                tokens.append((row, token))
    return tokens, ended, opened.found


def _ended(rows: Sequence[Connection]) -> Iterator[Finding]:
    """Yield whose tokens have ended; of many in one line."""
    repair = "the next push refreshes it; or `{}` now"
    if len(rows) > MOST_LINES:
        yield warn(
            f"{_together(rows)}: the access tokens have ended, so Envoy is not asked",
            repair.format(_refresh("NAME")),
        )
        return
    for row in rows:
        text = f"{row.name}: its access token ended at {moment(row.access_expires_at)}, so Envoy is not asked"
        yield warn(text, repair.format(_refresh(row.name)))


def _probes(context: Context, tokens: Sequence[tuple[Connection, AccessToken]]) -> Iterator[Finding]:
    """Yield whether Envoy accepts each token; of many the answered ones in one line.

    After a few that were not answered the others are not asked: Envoy is not there.
    """
    answered: list[Connection] = []
    unanswered = 0
    _ = context.api  # made once, before threads could make it twice
    with ThreadPoolExecutor(context.settings.push.lookers, thread_name_prefix="probe") as pool:
        findings = pool.map(lambda one: _probe(context, *one), tokens)
        for (row, _token), found in zip(tokens, findings, strict=True):
            if found is None:
                answered.append(row)
                continue
            yield found
            unanswered += found.code is ExitCode.UNREACHABLE
            if unanswered == MOST_UNANSWERED:
                pool.shutdown(wait=False, cancel_futures=True)
                break
    if answered:
        yield ok(f"Envoy answers at {context.api.probe_url}")
    if len(answered) > MOST_LINES:
        yield ok(f"{_together(answered)}: Envoy answers and accepts their tokens")
    else:
        yield from (ok(f"{row.name}: Envoy answers and accepts its token") for row in answered)


def _probe(context: Context, row: Connection, token: AccessToken) -> Finding | None:
    """Return what is wrong with a connection's token, or with the way to Envoy."""
    with attempt() as asked:
        context.api.probe(token.value)
    if isinstance(asked.error, Unauthorised):
        # Whether the grant is over, too, only a refresh could tell.
        return fail(
            f"{row.name}: Envoy does not accept its access token",
            f"run `{command('connect', row.name)}`, unless `{_refresh(row.name)}` renews it",
            ExitCode.NEEDS_AUTHORISATION,
        )
    if not isinstance(asked.error, EnvoyError):
        return asked.found[0] if asked.found else None
    return replace(
        asked.found[0], text=f"{row.name}: {asked.found[0].text}, asked at {context.api.probe_url}"
    )


def _refresh(name: str) -> str:
    return command("directory --refresh --connection", name)


def _together(rows: Sequence[Connection]) -> str:
    """Name many connections in a few words."""
    first = ", ".join(row.name for row in rows[:MOST_NAMED])
    return f"{counted(len(rows), 'connection')} ({first}, ...)"


def _reach(context: Context) -> Finding:
    """Ask for anything at all: an answer of any kind shows that the way is open."""
    url = context.settings.envoy.api_url
    with attempt() as asked:
        context.envoy_clock.ask(context.http, url)
    if asked.found:
        return replace(asked.found[0], text=f"{asked.found[0].text}, asked at {url}")
    return ok(f"Envoy answers at {url}")


def _clocks(context: Context) -> Iterator[Finding]:
    """Compare this host's clock with Envoy's, where Envoy said what time it is; and that of a server."""
    envoy = context.envoy_clock.now()
    if envoy is None:
        return
    yield _clock("this host's", utc_now() - envoy)
    with attempt() as looked:
        apart_by = None if context.database.is_sqlite else context.database.read_now() - envoy
    if looked.error is None and apart_by is not None:
        yield _clock("the database's", apart_by)


def _clock(whose: str, ahead: timedelta) -> Finding:
    if abs(ahead.total_seconds()) <= MOST_SKEW_SECONDS:
        return ok(f"clock: {whose} and Envoy's agree")
    return warn(
        f"clock: {whose} is {apart(ahead.total_seconds())} Envoy's",
        "let all hosts keep time (NTP): by a wrong clock tokens end early or late, and nothing is cleared",
    )
