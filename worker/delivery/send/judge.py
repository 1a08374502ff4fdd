"""What an attempt that failed came to, with what is stored about its row and its connection."""

from contextlib import suppress
from dataclasses import dataclass

from worker.connections.model import Connection
from worker.connections.rows import look
from worker.database import Database
from worker.database.failures import DATABASE_ERRORS
from worker.delivery import outcomes
from worker.delivery.lanes.lane import Work
from worker.delivery.outcomes import Outcome
from worker.delivery.refusals import NO_EVIDENCE, Evidence, evidence_of
from worker.envoy.answers import may_be_a_gateways
from worker.errors import EnvoyError, Forbidden


@dataclass(frozen=True, slots=True)
class Judge:
    """Judges failed attempts; where the database does not answer, by what came back alone."""

    database: Database
    recreate: bool  # what somebody removed in Envoy

    def outcome(self, work: Work, error: EnvoyError) -> Outcome:
        """Return what a failed attempt came to."""
        if self._is_refused_like_all(work, error):
            return outcomes.refused_like_all(work.call, work.row, error)
        if isinstance(error, Forbidden) and self._refused_again(work):
            return outcomes.forbidden_amid_successes(work.call, work.row, error)
        evidence = self._evidence(work, error) if may_be_a_gateways(error) else NO_EVIDENCE
        return outcomes.failed(work.call, work.row, error, recreate=self.recreate, evidence=evidence)

    def _is_refused_like_all(self, work: Work, error: EnvoyError) -> bool:
        seen = work.lane.refusing
        return seen is not None and error.digest is not None and error.digest == seen.refusal

    def _refused_again(self, work: Work) -> bool:
        """Return whether this row was refused before, and its connection has had a success since."""
        if work.row.error_code != Forbidden.default_code:
            return False
        # The verdict must not be lost to a database that is away, or at odds: it is deferred once more.
        connection: Connection | None = None
        with suppress(*DATABASE_ERRORS):
            connection, _ = look(self.database, work.lane.connection_id)
        return connection is not None and not connection.forbidden_count

    def _evidence(self, work: Work, error: EnvoyError) -> Evidence:
        with suppress(*DATABASE_ERRORS):
            return evidence_of(self.database, work.row, work.call, error, reads=work.lane.may_read)
        return NO_EVIDENCE
