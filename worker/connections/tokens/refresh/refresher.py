"""Refresh one connection under its lease: ask Envoy, and store what came of it."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from datetime import datetime

from worker.connections.tokens.refresh.client_standing import ClientStanding
from worker.connections.tokens.refresh.failures import Troubles
from worker.connections.tokens.refresh.lease import Lease
from worker.connections.tokens.refresh.saving import SAVE_SECONDS, Pair, Saver
from worker.envoy.oauth import OAuth
from worker.errors import EnvoyError, NotSent, OutcomeUnknown
from worker.failpoints import failpoint

# Servers that forgive the loss of an answer do so for seconds, so the same token goes out again at once.
REPEAT_AFTER = (0.5, 5.0)
POST_SECONDS = 12.0  # a request's total deadline, and a little
GATEWAY_STATUSES = frozenset({502, 504})

Wait = Callable[[float], bool]


@dataclass(frozen=True, slots=True)
class Failure:
    """The last error, and whether any of the posts may have spent the token."""

    error: EnvoyError
    doubtful: bool


class Refresher:
    """The only caller of the token endpoint's refresh grant."""

    def __init__(
        self,
        oauth: OAuth,
        saver: Saver,
        troubles: Troubles,
        client: ClientStanding,
        *,
        clock: Callable[[], datetime],
        stop: threading.Event,
        wait: Wait | None = None,
    ) -> None:
        """*wait* returns early, and true, as soon as the process is to stop."""
        self._oauth = oauth
        self._saver = saver
        self._troubles = troubles
        self._client = client
        self._clock = clock
        self._wait: Wait = wait or stop.wait

    def refresh(self, lease: Lease) -> EnvoyError | None:
        """Store a new pair, or what went wrong, and return the error.

        Raises:
            DatabaseUnreachable, DiskFull: the outcome could not be stored yet.
        """
        failpoint("before_refresh")
        outcome = self._ask(lease)
        failpoint("after_token_answer")
        if isinstance(outcome, Pair):
            self._saver.save(outcome)
            failpoint("after_token_commit")
            self._client.served(lease.connection_id)
            return None
        self._troubles.settle(lease, outcome.error, doubtful=outcome.doubtful)
        return outcome.error

    def _ask(self, lease: Lease) -> Pair | Failure:
        """Post the token; after a lost answer again, twice at most, and never once the lease is short."""
        outcome = self._post(lease, doubtful=lease.doubtful)
        for seconds in REPEAT_AFTER:
            if isinstance(outcome, Pair) or not _answer_was_lost(outcome.error) or self._wait(seconds):
                break
            outcome = self._post(lease, doubtful=True)
            if isinstance(outcome, Pair):
                return replace(outcome, lost=True)  # what was posted before may still be carried out
        return outcome

    def _post(self, lease: Lease, *, doubtful: bool) -> Pair | Failure:
        if lease.remaining < POST_SECONDS + SAVE_SECONDS:
            error: EnvoyError = NotSent("too little is left of the lease", error_code="lease_too_short")
            return Failure(error, doubtful)
        sent_at = self._clock()
        try:
            return Pair(lease, self._oauth.refresh(lease.refresh_token), sent_at)
        except EnvoyError as failure:
            return Failure(failure, doubtful or isinstance(failure, OutcomeUnknown))


def _answer_was_lost(error: EnvoyError) -> bool:
    """Return whether Envoy may have given a new pair that did not reach us; its own 5xx is an answer."""
    if not isinstance(error, OutcomeUnknown):
        return False
    status = error.http_status
    return status is None or status < 300 or status in GATEWAY_STATUSES  # noqa: PLR2004 -- a success, mangled
