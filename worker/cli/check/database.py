"""Check the database: there, migrated, on time, and its tokens readable."""

from collections.abc import Iterator

from worker.cli.check import damage, keys, postgresql, rows
from worker.cli.check.findings import FAIL, Finding, failures, ok, warn
from worker.cli.db import restored_notice
from worker.cli.formatting import counted
from worker.commands import command
from worker.connections import store as connections
from worker.connections.scopes import readers
from worker.context import Context
from worker.database import Database, schema, utc_now
from worker.database.sqlite.mark import unsaid
from worker.errors import WorkerError
from worker.invites import pending, store

MOST_SKEW_SECONDS = 5.0  # the way to the database and back counts, too
MOST_NAMED = 3
MOST_UNKNOWN = 10_000


def findings(context: Context, only: str | None = None, *, deep: bool = False) -> Iterator[Finding]:
    """Yield what is found, up to the first failure that hides all else; *only* names one connection.

    *deep*: a large SQLite file is searched for damage, too.
    """
    try:
        revision = schema.current(context.any_database)
        yield ok(f"database: reachable ({context.any_database.url.get_backend_name()})")
        in_file = list(damage.findings(context.any_database, deep=deep))
        yield from in_file
        if any(finding.level == FAIL for finding in in_file):
            return
        schema.require_fit(context.any_database)
    except WorkerError as error:
        yield from failures(error)
        return
    yield ok(f"schema: {revision}")
    yield from postgresql.findings(context.database)
    yield from _restored(context)
    yield from rows.triggers_fire(context.database)
    if only is not None:
        connections.require(context.database, only)
    yield _clock(context.database)
    yield from keys.findings(context, only)
    yield from _invites(context.database, only)


def _restored(context: Context) -> Iterator[Finding]:
    if context.marked_file is not None:
        yield from failures(unsaid(context.marked_file))
    if (told := restored_notice.told(context.database)) is not None:
        yield warn(told, restored_notice.ENDS)


def _clock(database: Database) -> Finding:
    began = utc_now()
    theirs = database.read_now()
    skew = (theirs - began).total_seconds()
    if abs(skew) <= MOST_SKEW_SECONDS:
        return ok("clock: this host's and the database's agree")
    return warn(
        f"clock: the database's is {abs(skew):.0f} s {'ahead' if skew > 0 else 'behind'}",
        "let both hosts keep time (NTP): tokens end by this host's clock, leases by the database's",
    )


def _invites(database: Database, only: str | None) -> Iterator[Finding]:
    for name, number in pending.without_connection(database).items():
        if only in {None, name}:
            yield warn(
                f"{counted(number, 'invite')} for the connection {name}, which is not there",
                f"run `{command('connect', name)}`, or correct the rows",
            )
    yield from rows.in_step(database, only)
    yield from _unknown(database, only)
    if not connections.connections(database):
        yield warn("no connection yet", "run `envoy-worker connect NAME`")


def _unknown(database: Database, only: str | None) -> Iterator[Finding]:
    """Yield how many invites are unknown: those that look-ups settle, and those that wait for a person."""
    may_read = readers(database)
    by_itself: list[str] = []
    by_person: list[str] = []
    for one in store.unknown(database, connection=only, limit=MOST_UNKNOWN):
        (by_itself if one.is_looked_up(may_read) else by_person).append(one.name)
    if by_itself:
        yield ok(f"{counted(len(by_itself), 'invite')} unknown, looked up by itself: {_first(by_itself)}")
    if by_person:
        yield warn(
            f"{counted(len(by_person), 'invite')} unknown: {_first(by_person)}",
            "look them up in Envoy, then `envoy-worker invites resolve`",
        )


def _first(names: list[str]) -> str:
    return ", ".join(names[:MOST_NAMED]) + (", ..." if len(names) > MOST_NAMED else "")
