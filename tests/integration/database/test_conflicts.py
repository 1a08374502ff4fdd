"""What PostgreSQL rolled back for another's sake is done again, no matter who writes."""

import ast
import io
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import count
from pathlib import Path
from typing import TypeVar

import psycopg
import pytest
from psycopg import sql

import worker
from tests import worker_rows
from tests.waiting import wait_until
from worker.database import Database
from worker.database.repeating import TIMES, repeated
from worker.errors import DatabaseConflict
from worker.intake import Problem, import_file
from worker.invites import moves

HEAD = "connection,external_id,invitee_name,location,expected_arrival_at\n"
LINES = "acme,a,{name},Berlin,2030-01-01T09:00Z\nacme,b,{name},Berlin,2030-01-01T09:00Z\n"
WAITING = (
    "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND wait_event_type = 'Lock'"
)
Result = TypeVar("Result")
# What writes outside the rule, and why it may.
ALONE = {
    "worker/database/engine.py": "begins the transactions of all others",
    "worker/delivery/store/group.py": "what met a conflict is offered again, and by itself",
    "worker/demo/acts.py": "has a file of its own, where there are no conflicts",
}


@pytest.fixture
def ours(postgresql_url: str) -> Iterator[Database]:
    """Open a database with two visits, a and b, that were rejected."""
    database = Database(postgresql_url)
    imported(database, LINES.format(name="Ada"))
    worker_rows.set_status(worker_rows.At(database), "rejected")
    yield database
    database.dispose()


def imported(database: Database, lines: str) -> list[Problem]:
    """Import lines; return what was wrong with them."""
    problems: list[Problem] = []
    import_file(
        database,
        io.BytesIO((HEAD + lines).encode()),
        name="visits.csv",
        connection=None,
        dry_run=False,
        on_problem=problems.append,
    )
    return problems


def deadlocked(url: str, work: Callable[[], Result], *, table: str = "invite") -> Result:
    """Do the work, which takes a and then b, while a caller takes b and then a; return its result."""
    take = sql.SQL("UPDATE {} SET updated_at = updated_at WHERE external_id = %s").format(
        sql.Identifier(table)
    )
    with (
        psycopg.connect(url, autocommit=True) as watch,
        ThreadPoolExecutor(1) as pool,
        psycopg.connect(url) as caller,
    ):
        caller.execute("SET LOCAL deadlock_timeout = '1min'")  # so that ours is the victim
        caller.execute(take, ["b"])
        done = pool.submit(work)
        wait_until(lambda: watch.execute(WAITING).fetchone() == (1,))
        caller.execute(take, ["a"])
        caller.commit()
        return done.result()


def test_an_import_that_lost_a_deadlock_is_done_again(ours: Database, postgresql_url: str) -> None:
    """Its caller learns nothing of it."""
    problems = deadlocked(postgresql_url, lambda: imported(ours, LINES.format(name="Bea")))

    assert problems == []
    with ours.read() as connection:
        assert connection.exec_driver_sql("SELECT DISTINCT invitee_name FROM invite").all() == [("Bea",)]


def test_a_line_that_is_refused_is_told_once(ours: Database, postgresql_url: str) -> None:
    """However often its batch is done again."""
    with ours.write() as connection:
        connection.exec_driver_sql(
            "ALTER TABLE invite ADD CONSTRAINT invite_notes_taboo CHECK (invitee_name <> 'taboo')"
        )
    lines = "acme,c,taboo,Berlin,2030-01-01T09:00Z\n" + LINES.format(name="Bea")
    problems = deadlocked(postgresql_url, lambda: imported(ours, lines))

    assert [problem.line for problem in problems] == [2]


def test_a_sweep_over_many_rows_that_lost_a_deadlock_is_done_again(
    ours: Database, postgresql_url: str
) -> None:
    """A statement locks its rows one after the other, in an order of its own."""
    assert deadlocked(postgresql_url, lambda: moves.retry_rejected(ours, "acme"), table="delivery") == 2


def test_a_conflict_without_end_is_told() -> None:
    """After a few times, as a database that is away for now: exit 69."""
    calls = count(1)

    @repeated
    def write() -> None:
        next(calls)
        raise DatabaseConflict("deadlock detected")

    with pytest.raises(DatabaseConflict) as caught:
        write()

    assert next(calls) == TIMES + 1
    assert int(caught.value.exit_code) == 69


def _writers(tree: ast.AST) -> Iterator[ast.FunctionDef]:
    """Yield the functions that begin a writing transaction."""
    for function in ast.walk(tree):
        if isinstance(function, ast.FunctionDef):
            begun = (
                item.context_expr
                for node in ast.walk(function)
                if isinstance(node, ast.With)
                for item in node.items
            )
            calls = (call.func for call in begun if isinstance(call, ast.Call))
            if any(isinstance(call, ast.Attribute) and call.attr in {"write", "session"} for call in calls):
                yield function


def test_every_function_that_writes_is_repeated() -> None:
    """None can be forgotten: anyone who begins a writing transaction does it again after a conflict."""
    root = Path(worker.__file__).parent.parent
    forgotten = [
        f"{name}: {function.name}"
        for path in sorted((root / "worker").rglob("*.py"))
        if (name := path.relative_to(root).as_posix()) not in ALONE
        for function in _writers(ast.parse(path.read_text()))
        if "repeated" not in {ast.unparse(decorator) for decorator in function.decorator_list}
    ]

    assert forgotten == []
