"""``envoy-worker run-once``: one pass by hand."""

import signal
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

from worker.cli.opening import opened
from worker.cli.output import show, show_json
from worker.errors import ExitCode, UsageError
from worker.report import first_that_applies

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from worker.context import Context
    from worker.delivery.preview import Fate
    from worker.report import Report
    from worker.runs import ResolvedJob, RunResult
    from worker.settings import JobSettings


class _Scope(NamedTuple):
    """What the operator narrowed, or widened."""

    connection: str | None
    limit: int | None
    everything: bool


def register(app: typer.Typer) -> None:
    """Add the command."""
    app.command("run-once")(run_once)


def run_once(
    jobs: Annotated[list[str] | None, typer.Argument(help="Only these jobs; else all, in order.")] = None,
    connection: Annotated[str | None, typer.Option(help="Only this connection.")] = None,
    limit: Annotated[int | None, typer.Option(min=1, help="At most so many invites.")] = None,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="Say what would be done; write nothing.")
    ] = False,
    yes: Annotated[
        bool, typer.Option("--yes", help="All that is due at once, where a job does a part a night.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the summary as JSON.")] = False,
) -> None:
    """Run the registered jobs once, now, and say what became of it."""
    from worker.connections import store
    from worker.connections.damage import look_through
    from worker.runs import resolve_all

    with opened(access="read" if dry_run else "write") as context:
        resolved = resolve_all(_named(context.settings.jobs, jobs))
        chosen = [resolved[name] for name in jobs or resolved]
        if connection is not None:
            store.require(context.database, connection)
        _require_bounded(chosen, yes=yes)
        scope = _Scope(connection, limit, yes)
        if dry_run:
            _rehearse(context, chosen, scope, as_json=json)
            return
        _ = context.tokens, context.api  # what is missing is said once, before any job
        look_through(context.database, context.vault)
        _end_in_order(context)
        results = [_execute(context, job, scope) for job in chosen if not context.stop.is_set()]
        _summarise(results, as_json=json)
        codes = _codes(context, results, connection)
        if jobs and any(result.ran_elsewhere for result in results):
            codes.add(ExitCode.TRY_LATER)
        raise typer.Exit(first_that_applies(codes))


def _codes(context: "Context", results: "list[RunResult]", connection: str | None) -> set[ExitCode]:
    """Return the exit codes of all that happened, and of connections that wait for a person."""
    from worker.connections import store
    from worker.connections.states import ENDED_BY_CONSENT, ConnectionStatus

    codes = {code for result in results for code in result.codes}
    if context.ended_by is not None:  # the database is not to be asked any more
        return codes
    if context.stop.is_set():
        codes.add(ExitCode.TRY_LATER)
    views = [view for view in store.views(context.database) if connection in {None, view.name}]
    lapsed = ConnectionStatus.NEEDS_AUTHORISATION
    if any(view.status == lapsed or view.hold_reason in ENDED_BY_CONSENT for view in views):
        codes.add(ExitCode.NEEDS_AUTHORISATION)
    return codes


def _end_in_order(context: "Context") -> None:
    """When told to end, begin nothing new; what is in flight ends, and its verdicts are stored."""
    from worker.stopping import end_signals

    for number in end_signals():
        signal.signal(number, lambda *_: context.end())


def _named(registered: "Mapping[str, JobSettings]", names: list[str] | None) -> "Mapping[str, JobSettings]":
    """Return the jobs that are named, all of them where none is: the others are not even loaded."""
    for name in names or ():
        if name not in registered:
            raise UsageError(f"no job {name} is registered", hint=f"there are: {', '.join(registered)}")
    return {name: registered[name] for name in names} if names else registered


def _require_bounded(chosen: "list[ResolvedJob]", *, yes: bool) -> None:
    if yes and not any(job.bounded for job in chosen):
        raise UsageError(
            "--yes: none of these jobs does only a part of what is due",
            hint="leave it out; it is for a job that clears or deletes",
        )


def _execute(context: "Context", job: "ResolvedJob", scope: _Scope) -> "RunResult":
    from worker.runs import execute
    from worker.runs.context import MANUAL

    return execute(
        context,
        job,
        trigger=MANUAL,
        connection=scope.connection,
        limit=scope.limit,
        everything=scope.everything,
    )


def _rehearse(context: "Context", chosen: "list[ResolvedJob]", scope: _Scope, *, as_json: bool) -> None:
    """Name each due invite's fate, and what the jobs would do that can say it themselves."""
    reports = {job.name: _preview(context, job, scope) for job in chosen if job.preview}
    counts = {name: dict(report.counts) for name, report in reports.items()}
    # Only such jobs were named: then nobody asked for the invites.
    fates = _fates(context, scope) if len(counts) < len(chosen) else iter(())
    if as_json:
        rows = [{"invite": f"{x.connection}/{x.external_id}", "fate": x.fate, "why": x.why} for x in fates]
        hints = {name: report.hint for name, report in reports.items() if report.hint}
        show_json({"invites": rows, "jobs": counts} | ({"hints": hints} if hints else {}))
        return
    for fate in fates:
        show(f"{fate.connection}/{fate.external_id}: {fate.fate}" + (f" ({fate.why})" if fate.why else ""))
    for name, would in counts.items():
        told = f"{name}: {_told(would) or 'nothing to do'} (dry run, nothing was written)"
        show(" -- ".join(part for part in (told, reports[name].hint) if part))


def _fates(context: "Context", scope: _Scope) -> "Iterator[Fate]":
    from worker.delivery.preview import preview

    settings = context.settings
    return preview(
        context.database,
        only=scope.connection,
        limit=scope.limit,
        longest_wait=max(*settings.reconcile.look_up_after, settings.push.backoff_seconds[1]),
        marker=settings.reconcile.marker,
    )


def _preview(context: "Context", job: "ResolvedJob", scope: _Scope) -> "Report":
    from worker.runs import RunContext
    from worker.runs.context import MANUAL

    assert job.preview is not None  # noqa: S101 -- the caller asked
    return job.preview(RunContext(context, "", MANUAL, scope.connection, scope.limit, scope.everything))


def _told(counts: dict[str, int]) -> str:
    return ", ".join(f"{number} {name}" for name, number in counts.items() if number)


def _summarise(results: "list[RunResult]", *, as_json: bool) -> None:
    counts = {result.job: dict(result.report.counts) for result in results}
    if as_json:
        show_json({"jobs": counts})
        return
    for result in results:
        told = _told(counts[result.job])
        if result.error is not None:
            told = f"{told}; ended early: {result.error}".removeprefix("; ")
        if result.report.hint:
            told = " -- ".join(part for part in (told, result.report.hint) if part)
        if result.ran_elsewhere:
            told = "runs in another process now"
        show(f"{result.job}: {told or 'nothing to do'} ({result.duration_ms / 1000:.1f} s)")
