"""Check the encryption keys: whose stored tokens they do not open."""

from collections.abc import Iterator, Sequence

from worker.cli.check.findings import Finding, attempt, fail, ok, warn
from worker.cli.formatting import counted
from worker.connections.sealed import SealedRow, require_key
from worker.connections.vault import Vault
from worker.context import Context
from worker.errors import ExitCode, TokenDamaged
from worker.settings.secrets import ENCRYPTION_KEYS

MOST_LINES = 10  # more damaged connections than these are told together
RENEWED = "nothing: its next refresh gives a new one"


def findings(context: Context, only: str | None = None) -> Iterator[Finding]:
    """Yield whose tokens cannot be read; *only* names one connection."""
    if context.secrets.find(ENCRYPTION_KEYS) is None:
        return
    rows: list[SealedRow] = []
    with attempt() as opened:
        rows = [row for row in require_key(context.database, context.vault) if row.is_usable]
    yield from opened.found
    if opened.error is not None:
        return
    chosen = [row for row in rows if only in {None, row.name}]
    damaged = [damage for row in chosen if (damage := row.damage(context.vault)) is not None]
    yield from _damaged(damaged)
    yield from _renewed_soon(chosen, context.vault)
    if not damaged:
        yield ok("encryption keys: they open every stored grant")


def _damaged(found: Sequence[TokenDamaged]) -> Iterator[Finding]:
    for damage in found[:MOST_LINES]:
        yield fail(str(damage), damage.hint, ExitCode.NEEDS_AUTHORISATION)
    if len(found) > MOST_LINES:
        more = f"{counted(len(found) - MOST_LINES, 'connection')} more with tokens that cannot be read"
        yield fail(more, "`envoy-worker keys rotate` names them all", ExitCode.NEEDS_AUTHORISATION)


def _renewed_soon(rows: Sequence[SealedRow], vault: Vault) -> Iterator[Finding]:
    for row in rows:
        troubles = row.troubles(vault)
        if "access" in troubles and row.damage(vault) is None:
            yield warn(f"{row.name}: {troubles['access']}", RENEWED)
