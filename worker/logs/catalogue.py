"""The catalogue of events: every name that the worker emits, at which levels, and what it tells."""

from typing import NamedTuple

DEBUG, INFO, WARNING, ERROR = "debug", "info", "warning", "error"


class Event(NamedTuple):
    """One kind of event.  INFO is a result, WARNING heals itself, ERROR needs a person and has a ``hint``."""

    levels: frozenset[str]
    meaning: str


def _event(meaning: str, *levels: str) -> Event:
    return Event(frozenset(levels), meaning)


EVENTS: dict[str, Event] = {
    "worker.started": _event("the service runs, and its jobs are scheduled", INFO),
    "worker.stopping": _event(
        "a signal to end came, or the database is unfit: nothing new is begun, what is in flight ends", INFO
    ),
    "worker.stopped": _event(
        "the service has ended; ERROR: it left something behind, or the database is unfit", INFO, ERROR
    ),
    "worker.clock_jumped": _event("the wall clock was set: all jobs are scheduled again", WARNING),
    "arrivals.polled": _event(
        "callers' changes wake nobody, and are found by the scheduled runs; ERROR: we may not listen",
        INFO,
        ERROR,
    ),
    "job.started": _event("a run began", DEBUG),
    "job.finished": _event(
        "a run ended, with every count; DEBUG where it did nothing, WARNING where something is left",
        DEBUG,
        INFO,
        WARNING,
    ),
    "job.failed": _event("a run ended early; WARNING where the next one tries again", DEBUG, WARNING, ERROR),
    "job.missed": _event(
        "a run was due and did not take place; INFO: the one before still works", INFO, WARNING
    ),
    "database.unreachable": _event("the database fails; once until it is over", WARNING, ERROR),
    "database.reachable": _event("the trouble with the database is over", INFO),
    "invite.sent": _event("Envoy has the invite", INFO),
    "invite.updated": _event("Envoy has the newest content; WARNING: and something cleared", INFO, WARNING),
    "invite.withdrawn": _event("the invite is no longer wanted, and not in Envoy", INFO),
    "invite.rejected": _event("refused, by Envoy or by validation", ERROR),
    "invite.deferred": _event("not done yet; it is tried again by itself", WARNING),
    "invite.unknown": _event("Envoy may or may not have the invite", WARNING, ERROR),
    "invite.reconciled": _event("a look-up, or a person, settled what was unknown", INFO, WARNING),
    "invite.expired": _event("the visit was over before it could be created", INFO, WARNING),
    "invite.stale": _event("a late answer settled nothing; ERROR: one visit, two Envoy ids", WARNING, ERROR),
    "connection.authorised": _event("the customer has authorised, the grant is stored", INFO, WARNING),
    "connection.needs_authorisation": _event("the grant is over; the customer must authorise again", ERROR),
    "connection.held": _event("the connection is not used until a stored time", INFO, WARNING, ERROR),
    "connection.released": _event("the connection is used again", INFO),
    "token.refreshed": _event("a new pair of tokens is stored", INFO, WARNING),
    "token.refresh_failed": _event("no new tokens; ERROR where it does not heal itself", WARNING, ERROR),
    "directory.refresh_failed": _event("locations and flows could not be read; it is tried again", WARNING),
    "directory.refreshed": _event("locations and flows were read again", INFO),
    "envoy.retry": _event("a request that did nothing is repeated", WARNING),
}
