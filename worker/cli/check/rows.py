"""Check that each invite has its delivery, and that the triggers which see to it fire."""

from collections.abc import Iterator

from worker.cli.check.findings import Finding, fail, warn
from worker.cli.formatting import counted
from worker.database import Database, triggers
from worker.errors import ExitCode
from worker.invites import strays


def triggers_fire(database: Database) -> Iterator[Finding]:
    """Yield a failure where what some writers write is not seen."""
    silent = triggers.silent(database)
    if silent.switched_off:
        yield fail(
            f"triggers that do not fire for every writer: {', '.join(silent.switched_off)}",
            "run `envoy-worker db upgrade`",
            ExitCode.SETTINGS,
        )
    if silent.missing:
        yield fail(
            f"triggers that are missing: {', '.join(silent.missing)}",
            "restore a backup: without them nobody sees what callers write",
            ExitCode.SETTINGS,
        )


def in_step(database: Database, only: str | None) -> Iterator[Finding]:
    """Yield how many invites nobody would send, and how many deliveries have lost their invite."""
    if strays.are_numbers_used_up(database):
        yield fail(
            "no invite can be added, since one has the largest id that there is",
            "give that row another id, and set `seq` of `invite` in `sqlite_sequence` to the largest then",
            ExitCode.UNEXPECTED,
        )
    if number := strays.without_delivery(database, connection=only):
        yield fail(
            f"{counted(number, 'invite')} without a delivery: written while no trigger fired",
            "run `envoy-worker run-once push_invites`; what is left was tried before: look it up in Envoy",
            ExitCode.UNEXPECTED,
        )
    if number := strays.without_invite(database, connection=only):
        yield warn(
            f"{counted(number, 'delivery', 'deliveries')} without an invite, which Envoy may have",
            "insert the invite again (`wanted = 'absent'` removes it from Envoy)",
        )
