"""What the model knows of everything at one moment: small values that can be compared and hashed."""

from typing import NamedTuple

from worker.invites import Status

START = 1  # the first revision


class Seen(NamedTuple):
    """What a worker saw of a due row when it planned."""

    wanted: bool
    text: int
    revision: int
    token: int
    envoy_id: int | None
    content: str | None


class Row(NamedTuple):
    """An invite and its delivery.

    ``text`` stands for what its caller says of the visit.  The attempt that ``token`` belongs to was made
    for revision ``tried``; ``over`` is its lease, ``dead`` its owner.  ``since`` counts how often this
    attempt came into doubt.  ``known`` are the ids that the ledger has, ``stale`` those of them that came
    too late to become the row's, and ``late`` those of these that came since the attempt began.
    ``creates`` are those that may have been carried out: by token, revision, and whether they were
    answered.  ``told``: a person has heard that Envoy may hold the visit twice.
    """

    wanted: bool = True
    text: int = 0
    status: Status = Status.PENDING
    revision: int = START
    token: int = 0
    envoy_id: int | None = None
    content: str | None = None
    tried: int = 0
    over: bool = False
    dead: bool = False
    since: int = 0
    look_ups: int = 0
    for_person: bool = False
    keyed: bool = False
    known: tuple[int, ...] = ()
    stale: tuple[int, ...] = ()
    late: tuple[int, ...] = ()
    creates: tuple[tuple[int, int, bool], ...] = ()
    told: bool = False

    def seen(self) -> Seen:
        """Return what is seen of it when it is planned."""
        return Seen(self.wanted, self.text, self.revision, self.token, self.envoy_id, self.content)


class Request(NamedTuple):
    """A write on its way to Envoy; ``late``: looked for, and not found, before it was carried out."""

    visit: int
    token: int
    kind: str
    target: int | None
    text: int
    late: bool = False


class Answer(NamedTuple):
    """What Envoy has done, and not yet told the worker that waits for it."""

    visit: int
    token: int
    result: str  # ok, missing
    envoy_id: int | None = None


class EnvoyInvite(NamedTuple):
    """An invite that is there in Envoy, and the visit that it was created for."""

    envoy_id: int
    visit: int
    text: int
    late: bool


class Worker(NamedTuple):
    """What a worker is at: idle, planned, claimed, waiting, heard, looked, giving_up.

    Of what was heard, the journal has ``result`` and the id that was ``answered``, and has not stored it.
    """

    phase: str = "idle"
    visit: int = -1
    token: int = 0
    seen: Seen | None = None
    look: tuple[int, int, int | None] | None = None  # look-ups and doubt as seen, and what was found
    decided: str = ""
    result: str = ""
    answered: int | None = None


class Person(NamedTuple):
    """Somebody who has looked into Envoy for a visit in doubt, and has not said yet what is there."""

    visit: int
    token: int
    found: int | None


class Budget(NamedTuple):
    """How often each thing may still happen."""

    changes: int = 0
    crashes: int = 0
    leases: int = 0  # that end although their worker lives
    losses: int = 0  # of answers
    persons: int = 0


class State(NamedTuple):
    """Everything at one moment."""

    rows: tuple[Row, ...]
    workers: tuple[Worker, ...]
    left: Budget
    requests: tuple[Request, ...] = ()
    answers: tuple[Answer, ...] = ()
    envoy_invites: tuple[EnvoyInvite, ...] = ()
    made: int = 0
    late_removed: tuple[int, ...] = ()  # came late and is gone: a row of equal content may have taken its id
    person: Person | None = None
    wrong: str = ""

    def with_row(self, visit: int, row: Row) -> "State":
        """Return the same with another row."""
        return self._replace(rows=(*self.rows[:visit], row, *self.rows[visit + 1 :]))

    def with_worker(self, number: int, worker: Worker) -> "State":
        """Return the same with another worker; which of them does what makes no difference."""
        others = (*self.workers[:number], *self.workers[number + 1 :])
        return self._replace(workers=tuple(sorted((*others, worker), key=repr)))
