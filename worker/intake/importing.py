"""Import a file: good lines go in, bad ones are reported, and a second time changes nothing.

A line says all there is to say of its visit: a column that is blank, or missing, is empty afterwards.
Lines are stored in batches, each in one transaction.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import islice
from typing import BinaryIO

from worker.database import Database
from worker.errors import DatabaseUnreachable, DiskFull, InputError, SchemaError, WorkerError
from worker.intake.batches import Entry, rehearse, store
from worker.intake.cells import given
from worker.intake.places import Places, look_up
from worker.intake.problems import InputErrors, Problem, problem_of
from worker.intake.readers import Line, read_rows
from worker.intake.repeats import Seen
from worker.intake.rows import NewInvite, parse, settle
from worker.intake.storing import Plan

BATCH = 500


@dataclass(slots=True)
class ImportReport:
    """How many lines came to what; ``unknown_connections`` were named, and are not there yet."""

    created: int = 0
    changed: int = 0
    unchanged: int = 0
    repeated: int = 0
    rejected: int = 0
    unknown_connections: set[str] = field(default_factory=set)

    def add(self, made: Plan) -> None:
        """Count what was stored."""
        self.created += len(made.new)
        self.changed += len(made.changed)
        self.unchanged += len(made.unchanged)


def import_file(
    database: Database,
    stream: BinaryIO,
    *,
    name: str,
    connection: str | None,
    dry_run: bool,
    on_problem: Callable[[Problem], None],
    on_progress: Callable[[int], None] | None = None,
) -> ImportReport:
    """Bring the table ``invite`` to what the file says, and return what became of its lines.

    *name* is the file's, for messages and for its ending.  *connection* fills the column where it is
    blank.  *on_problem* is called for each thing to mend, *on_progress* with the number of lines done.

    Raises:
        FileRefused: the file cannot be read at all; nothing was imported.
        WorkerError: the database failed; its text says up to which line the file is in.
    """
    work = _Import(database, connection, dry_run, on_problem)
    lines = read_rows(stream, name, filled=() if connection is None else ("connection",))
    done = 0
    while True:
        try:
            last = work.take(islice(lines, BATCH))
        except (DatabaseUnreachable, DiskFull, SchemaError) as error:
            failure = _interrupted(error, done)
            break
        if last is None:
            return work.report
        done = last
        if on_progress:
            on_progress(done)
    raise failure


class _Import:
    """One import under way."""

    def __init__(
        self, database: Database, connection: str | None, dry_run: bool, on_problem: Callable[[Problem], None]
    ) -> None:
        self.report = ImportReport()
        self._database = database
        self._connection = connection
        self._dry_run = dry_run
        self._on_problem = on_problem
        self._seen = Seen()
        self._places: dict[str, Places | None] = {}
        self._last: int | None = None

    def take(self, lines: Iterable[Line]) -> int | None:
        """Check and store some lines; return the last one's number, None where there was none."""
        self._last = None
        entries = list(self._entries(lines))
        if self._dry_run:
            plans = rehearse(self._database, entries)
        else:
            plans = store(self._database, entries, self._refuse)
        for made in plans:
            self.report.add(made)
        return self._last

    def _entries(self, lines: Iterable[Line]) -> Iterator[Entry]:
        for line in lines:
            self._last = line.number
            try:
                invite = self._checked(line)
                repeated = self._seen.is_repeat(line.number, invite)
            except InputError as error:
                self._refuse(line.number, error)
                continue
            self.report.repeated += repeated
            if not repeated:
                yield Entry(line.number, invite)

    def _checked(self, line: Line) -> NewInvite:
        if line.error:
            raise line.error
        invite = parse(self._filled(line.values))
        places = self._places_of(invite.connection)
        return settle(invite, places.zone(invite.location) if places else None)

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

    def _refuse(self, line: int, error: InputError) -> None:
        self.report.rejected += 1
        for one in error.errors if isinstance(error, InputErrors) else [error]:
            self._on_problem(problem_of(line, one))


def _interrupted(error: WorkerError, done: int) -> WorkerError:
    state = f"the lines up to {done:,} are in" if done else "nothing was imported"
    hint = "; then ".join(filter(None, (error.hint, "import the file again: what is in stays as it is")))
    return type(error)(f"{error}; {state}", hint=hint)
