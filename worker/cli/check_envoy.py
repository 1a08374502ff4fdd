"""Check the grants, and the way to Envoy."""

from collections.abc import Iterator
from datetime import datetime, timedelta

from worker.cli.findings import Finding, attempt, failures, ok, warn
from worker.cli.words import moment
from worker.connections import store
from worker.connections.calls import with_token
from worker.connections.model import Connection, ConnectionStatus
from worker.connections.reading import may_read
from worker.context import Context
from worker.errors import NeedsAuthorisation
from worker.settings import secrets as names

REACH_SECONDS = 10.0
ENDS_SOON = timedelta(days=3)


def findings(parts: Context) -> Iterator[Finding]:
    """Yield how each grant stands, and whether Envoy answers."""
    with attempt() as looked:
        rows = [row for row in store.connections(parts.database) if row.status != ConnectionStatus.REMOVED]
        now = parts.database.read_now()
    if looked.error is not None:
        rows = []
    probed = False
    for row in rows:
        status = store.effective_status(row, now)
        yield from _grant(row, status, now)
        if status is ConnectionStatus.ACTIVE and _has_secrets(parts):
            probed = True
            yield _probe(parts, row)
    if not probed:
        yield _reach(parts)


def _grant(row: Connection, status: ConnectionStatus, now: datetime) -> Iterator[Finding]:
    """Yield what is to be said of a grant without asking Envoy."""
    if status is ConnectionStatus.NEEDS_AUTHORISATION:
        yield from failures(
            NeedsAuthorisation(
                f"{row.name}: must be authorised again ({row.status_reason or 'no grant yet'})",
                hint=f"run `envoy-worker connect {row.name}`",
            )
        )
        return
    yield from _ending(row, now)
    if status is ConnectionStatus.HELD:
        until = f" until {moment(row.held_until)}" if row.held_until else ""
        yield warn(
            f"{row.name}: held{until} ({row.hold_reason})",
            f"`envoy-worker connections resume {row.name}` ends it",
        )
    if not may_read(row):
        yield warn(
            f"{row.name}: may not read invites, so that a doubtful one waits for a person",
            f"add invites.read to [envoy] scopes, and run `envoy-worker connect {row.name}`",
        )


def _ending(row: Connection, now: datetime) -> Iterator[Finding]:
    """Yield what threatens a grant that still works."""
    if row.refresh_expires_at is not None and row.refresh_expires_at - now < ENDS_SOON:
        yield warn(
            f"{row.name}: its grant ends at {moment(row.refresh_expires_at)} unless it is refreshed",
            f"`envoy-worker run-once keep_tokens_fresh --connection {row.name}`, and see why nothing ran",
        )
    if row.refresh_error is not None:
        yield warn(f"{row.name}: its last refresh failed ({row.refresh_error})", "it is repeated by itself")


def _probe(parts: Context, row: Connection) -> Finding:
    assert row.id is not None  # noqa: S101 -- a stored row has its id
    with attempt() as asked:
        with_token(parts.tokens, row.id, parts.api.probe)
    return asked.found[0] if asked.found else ok(f"{row.name}: Envoy answers and accepts its token")


def _reach(parts: Context) -> Finding:
    """Ask for anything at all: an answer of any kind shows that the way is open."""
    url = parts.settings.envoy.api_url
    with attempt() as asked:
        parts.http.send("GET", url, deadline_seconds=REACH_SECONDS)
    return asked.found[0] if asked.found else ok(f"Envoy answers at {url}")


def _has_secrets(parts: Context) -> bool:
    needed = (names.CLIENT_ID, names.CLIENT_SECRET, names.ENCRYPTION_KEYS)
    return all(parts.secrets.find(name) for name in needed)
