"""``envoy-worker status``: what is going on."""

from collections import Counter
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from worker.addresses import without_addresses
from worker.cli.db import restored_notice
from worker.cli.formatting import as_data, counted, moment
from worker.cli.opening import opened
from worker.cli.output import show, show_json
from worker.cli.status.connections import connection_lines, first_of
from worker.commands import command

if TYPE_CHECKING:
    from worker.connections.store import ConnectionView
    from worker.context import Context
    from worker.invites.store import Standing
    from worker.runs.standing import JobStanding

MOST_UNKNOWN = 10_000
LONG_SECONDS = 120  # the service looks every few seconds: it is down, or something holds
FIRST_COLUMN = 13
APPROVED = "APPROVED"
SEE_APPROVALS = "envoy-worker invites list --approval WORD"


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("status")(status)


def status(
    connection: Annotated[str | None, typer.Option(help="Only this connection and its invites.")] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Say what is going on, and what waits for a person."""
    from worker.connections import store

    with opened(access="read") as context:
        if connection is not None:
            store.require(context.database, connection)
        if json:
            show_json(_as_json(context, connection))
            return
        for line in _lines(context, connection):
            show(line)


def _as_json(context: "Context", only: str | None) -> dict[str, object]:
    from worker.connections.scopes import readers
    from worker.invites import store, strays
    from worker.invites.restored import since
    from worker.runs.standing import standing

    views = [as_data(view) for view in _views(context, only)]
    shown = ("name", "status", "held_until", "hold_reason", "status_reason")
    counts = store.counts(context.database, connection=only)
    unknown = store.unknown(context.database, connection=only, limit=MOST_UNKNOWN)
    may_read = readers(context.database)
    return {
        "invites": {status.value: number for status, number in counts.statuses.items()},
        "approvals": counts.approvals,
        "connections": [{key: view[key] for key in shown} for view in views],
        "jobs": {
            name: as_data(job) for name, job in standing(context.database, context.settings.jobs).items()
        },
        "unknown": [one.name for one in unknown],
        "unknown_for_a_person": [one.name for one in unknown if not one.is_looked_up(may_read)],
        "unknown_connections": _lost(context, only),
        "restored_since": moment(since(context.database)),
        "without_delivery": strays.without_delivery(context.database, connection=only),
    }


def _lines(context: "Context", only: str | None) -> Iterator[str]:
    from worker.connections.scopes import readers
    from worker.invites import pending, store, strays
    from worker.runs.standing import standing

    yield from _block("restored", _told_restored(context))
    counts = store.counts(context.database, connection=only)
    numbers = (f"{number:,} {status}" for status, number in counts.statuses.items())
    yield from _block("invites", ["  ".join(numbers)])
    yield from _block("approvals", _not_approved(counts.approvals))
    oldest = pending.oldest_due_seconds(context.database, only=only)
    if oldest is not None and oldest >= LONG_SECONDS:
        yield from _block("", [f"one has been due for {counted(int(oldest / 60), 'minute')}"])
    yield from _block("connections", connection_lines(_views(context, only)))
    jobs = standing(context.database, context.settings.jobs)
    yield from _block("jobs", [_job(name, job) for name, job in jobs.items()])
    lost = [_told_lost(name, number) for name, number in _lost(context, only).items()]
    yield from _block("waiting", first_of(lost, "envoy-worker status --json"))
    yield from _block("missing", _told_missing(strays.without_delivery(context.database, connection=only)))
    unknown = store.unknown(context.database, connection=only, limit=MOST_UNKNOWN)
    may_read = readers(context.database)
    told = [_unknown(one, may_read) for one in unknown]
    yield from _block("unknown", first_of(told, "envoy-worker invites list --status unknown"))


def _told_restored(context: "Context") -> list[str]:
    told = restored_notice.told(context.database)
    return [] if told is None else [told, restored_notice.ENDS]


def _views(context: "Context", only: str | None) -> "list[ConnectionView]":
    from worker.connections import store

    return [view for view in store.views(context.database) if only in {None, view.name}]


def _lost(context: "Context", only: str | None) -> dict[str, int]:
    """Return how many invites wait for connections that are not there."""
    from worker.invites import pending

    found: Counter[str] = Counter()
    for name, number in pending.without_connection(context.database).items():
        if only in {None, name}:
            found[without_addresses(name)] += number
    return found


def _block(title: str, lines: Iterable[str]) -> Iterator[str]:
    """Put the title before the first line, and room before the others."""
    for number, line in enumerate(lines):
        yield f"{'' if number else title:<{FIRST_COLUMN}}{line}"


def _not_approved(approvals: dict[str, int]) -> list[str]:
    """Return a line where Envoy has invites that are not approved: sent all the same, and never again."""
    waiting = [f"{number:,} {word}" for word, number in approvals.items() if word != APPROVED]
    return [f"{'  '.join(waiting)} -- a person in Envoy decides; {SEE_APPROVALS}"] if waiting else []


def _job(name: str, job: "JobStanding") -> str:
    if job.last_run_at is None:
        return f"{name} has never run"
    following = f", next {moment(job.next_run_at)}" if job.next_run_at else ""
    return f"{name} {job.last_result} at {moment(job.last_run_at)}{following}"


def _unknown(standing: "Standing", may_read: set[str]) -> str:
    delivery = standing.delivery
    if standing.is_looked_up(may_read):
        return f"{standing.name} ({delivery.error_code}) looked up at {moment(delivery.next_attempt_at)}"
    reason = delivery.error_code
    if standing.invite.connection not in may_read:
        reason = f"{reason}; {standing.invite.connection} may not read invites"
    settle = command("invites resolve", standing.name)
    return f"{standing.name} ({reason}) -- look into Envoy, then: {settle}"


def _told_missing(number: int) -> list[str]:
    return [f"{counted(number, 'invite')} without a delivery -- envoy-worker check"] if number else []


def _told_lost(name: str, number: int) -> str:
    return f"{number:,} for the unknown connection {name} -- {command('connect', name)}, or correct the rows"
