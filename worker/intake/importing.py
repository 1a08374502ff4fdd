"""Import a file: good lines go in, bad ones are reported, and a second time changes nothing.

A blank cell empties its column.  Of a column that the file lacks it says nothing: a visit that is there
keeps what it has, a new one gets the default; but a visit that is named again is wanted again.
Lines are stored in batches, each in one transaction.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from itertools import islice
from typing import BinaryIO

from worker.database import Database
from worker.database.failures import OF_NO_USE
from worker.database.postgresql import texts
from worker.errors import InputError, WorkerError
from worker.intake.batches import Entry, rehearse, store
from worker.intake.fields.cells import given
from worker.intake.fields.storable import require_storable
from worker.intake.files.readers import Line, Rows, read_rows
from worker.intake.files.repeats import Seen
from worker.intake.places import Places, look_up
from worker.intake.problems import Problem, problems_of
from worker.intake.rows import NewInvite, needs_place, parse, settle, with_default
from worker.intake.storing import Key, Plan, places_of

BATCH = 500
BATCH_LETTERS = 2_000_000
AGAIN = "import the file again: what is in stays as it is"
OnRejected = Callable[[Rows, Line, Sequence[Problem]], None]


@dataclass(slots=True)
class ImportReport:
    """How many lines came to what; ``unknown_connections`` were named, and are not there yet.

    ``cleared`` has for each column the number of rows in which a value is emptied.
    """

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    repeated: int = 0
    rejected: int = 0
    withdrawn: int = 0
    cleared: Counter[str] = field(default_factory=Counter)
    unknown_connections: set[str] = field(default_factory=set)

    def add(self, made: Plan) -> None:
        """Count what was stored."""
        self.created += len(made.new)
        self.changed += len(made.changed)
        self.unchanged += len(made.unchanged)
        self.cleared.update(made.cleared)


def import_file(
    database: Database,
    stream: BinaryIO,
    *,
    name: str,
    connection: str | None,
    dry_run: bool,
    on_problem: Callable[[Problem], None],
    on_line: Callable[[Line], None] | None = None,
    on_rejected: OnRejected | None = None,
    on_progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Bring the table ``invite`` to what the file says, and return what became of its lines.

    *name* is the file's, for messages and for its ending.  *connection* fills the column where it is
    blank.  *on_problem* is called for each thing to correct, *on_line* with each line as it is read,
    *on_rejected* with each that does not go in, *on_progress* with the number of lines done.

    Raises:
        FileRefused: the file cannot be read at all; nothing was imported.
        WorkerError: the database failed; its text says up to which line the file is in.
    """
    rows = read_rows(stream, name, filled=() if connection is None else ("connection",))
    work = _Import(database, rows, connection, dry_run, on_problem, on_line, on_rejected)
    done = 0
    while True:
        try:
            last = work.take(_batch(rows.lines))
        except OF_NO_USE as error:
            state = f"the lines up to {done:,} are in" if done else "nothing was imported"
            failure = interrupted(error, state)
            break
        if last is None:
            return work.report
        done = 0 if dry_run else last
        if on_progress:
            on_progress(last)
    raise failure


def _batch(lines: Iterator[Line]) -> Iterator[Line]:
    """Yield the next lines that are stored together: as many as fit in memory, whatever they hold."""
    letters = 0
    for line in islice(lines, BATCH):
        yield line
        letters += line.size
        if letters > BATCH_LETTERS:
            return


class _Import:
    """One import under way."""

    def __init__(
        self,
        database: Database,
        rows: Rows,
        connection: str | None,
        dry_run: bool,
        on_problem: Callable[[Problem], None],
        on_line: Callable[[Line], None] | None,
        on_rejected: OnRejected | None,
    ) -> None:
        self.report = ImportReport()
        self._database = database
        self._rows = rows
        self._connection = connection
        self._dry_run = dry_run
        self._on_problem = on_problem
        self._on_line = on_line
        self._on_rejected = on_rejected
        self._seen = Seen()
        self._places: dict[str, Places | None] = {}
        self._last: int | None = None

    def take(self, lines: Iterable[Line]) -> int | None:
        """Check and store some lines; return the last one's number, None if there was none."""
        self._last = None
        entries = list(self._entries(lines))
        if self._dry_run:
            plans = rehearse(self._database, entries, self._refuse)
        else:
            plans = store(self._database, entries, self._refuse)
        for made in plans:
            self.report.add(made)
        return self._last

    def _entries(self, lines: Iterable[Line]) -> Iterator[Entry]:
        read = [(line, self._read(line)) for line in lines]
        visits = [visit for _, visit in read if isinstance(visit, NewInvite)]
        stored = self._stored_places([visit for visit in visits if needs_place(visit)])
        for line, visit in read:
            self._last = line.number
            try:
                invite = self._settled(visit, stored)
                repeated = self._seen.is_repeat(line.number, invite)
            except InputError as error:
                self._refuse(line, error)
                continue
            self.report.repeated += repeated
            if not repeated:
                yield Entry(line, invite)

    def _read(self, line: Line) -> NewInvite | InputError:
        if self._on_line:
            self._on_line(line)
        try:
            return line.error or parse(self._filled(line.values))
        except InputError as error:
            return error

    def _stored_places(self, visits: Sequence[NewInvite]) -> Mapping[Key, str | None]:
        if not visits:
            return {}
        with self._database.read() as connection:
            return places_of(connection, visits)

    def _settled(self, visit: NewInvite | InputError, stored: Mapping[Key, str | None]) -> NewInvite:
        if isinstance(visit, InputError):
            raise visit
        require_storable(visit, self._codec)
        places = self._places_of(visit.connection)
        location = stored.get((visit.connection, visit.external_id), visit.location)
        settled = settle(visit, places.zone(location) if places else None)
        return with_default(settled, send_email=places.default_send_email if places else False)

    @cached_property
    def _codec(self) -> str | None:
        with self._database.read() as connection:
            return texts.codec(connection)

    def _filled(self, values: Mapping[str, object]) -> Mapping[str, object]:
        if self._connection is None:
            return values
        if given("connection", values.get("connection")) not in {None, self._connection}:
            raise InputError("connection", "is another one than that of this import (--connection)")
        return {**values, "connection": self._connection}

    def _places_of(self, name: str) -> Places | None:
        if name not in self._places:
            with self._database.read() as connection:
                self._places[name] = look_up(connection, name)
            if self._places[name] is None:
                self.report.unknown_connections.add(name)
        return self._places[name]

    def _refuse(self, line: Line, error: InputError) -> None:
        self.report.rejected += 1
        problems = problems_of(line.number, error)
        for problem in problems:
            self._on_problem(problem)
        if self._on_rejected:
            self._on_rejected(self._rows, line, problems)


def interrupted(error: WorkerError, state: str) -> WorkerError:
    """Return the error with how far the import came, and that it can be repeated."""
    hint = error.hint if AGAIN in error.hint else "; then ".join(filter(None, (error.hint, AGAIN)))
    return type(error)(f"{error}; {state}", hint=hint)
