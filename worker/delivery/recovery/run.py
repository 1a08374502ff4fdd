"""What comes before each push: what time, crashes and clocks have left behind is put right, and told."""

from dataclasses import dataclass

import structlog

from worker.clock import WallClock
from worker.commands import command
from worker.database import Database
from worker.delivery import events
from worker.delivery.recovery import interrupted
from worker.delivery.recovery.missing import Healing
from worker.errors import ExitCode
from worker.report import Report
from worker.settings.model import PushSettings

log = structlog.get_logger()


@dataclass(frozen=True, slots=True)
class Recovering:
    """Puts right what there is; where there is nothing, it costs one statement."""

    database: Database
    healing: Healing
    settings: PushSettings
    wall_clock: WallClock
    first_look: float  # seconds until a create in doubt is looked up

    def run(self, report: Report, *, connection: str | None, whole: bool) -> None:
        """Put right what concerns a connection, or all; *whole*: look at all invites for a delivery."""
        longest_back_off = self.settings.backoff_seconds[1]
        look = interrupted.look(self.database, longest_back_off=longest_back_off)
        if look.on_their_way:
            self._give_up(report, connection)
        if look.stuck:
            interrupted.reopen(self.database, longest_back_off=longest_back_off)
        if look.nameless and connection is None:
            self._mark_unknown_connections()
        self._heal(report, connection, whole=whole, newest=look.newest_invite)

    def _give_up(self, report: Report, connection: str | None) -> None:
        """Settle the attempts that nobody works on any more."""
        found = interrupted.abandoned(
            self.database, longest_lease=self.settings.lease_seconds, wall_clock=self.wall_clock
        )
        for attempt in found:
            if connection not in {None, attempt["connection"]}:
                continue
            if not interrupted.give_up(self.database, attempt, first_look=self.first_look):
                continue
            doubtful = bool(attempt["doubtful"])
            report.add("unknown" if doubtful else "deferred")
            if doubtful:
                report.trouble(ExitCode.REJECTED)
            events.interrupted(
                attempt["connection"],
                attempt["external_id"],
                doubtful=doubtful,
                looked_up=bool(attempt["looked_up"]),
                attempt=attempt["attempt_id"],
            )

    def _mark_unknown_connections(self) -> None:
        for name, number in interrupted.mark_unknown_connections(self.database).items():
            log.warning(
                "invite.deferred",
                connection=name,
                number=number,
                error_code=interrupted.CONNECTION_UNKNOWN,
                hint=f"{command('connect', name)}, or correct the rows",
            )

    def _heal(self, report: Report, connection: str | None, *, whole: bool, newest: int | None) -> None:
        healed = self.healing.heal(whole=whole, connection=connection, newest=newest)
        events.healed(healed)
        for _ in healed.doubtful:
            report.add("unknown")
            report.trouble(ExitCode.REJECTED)
