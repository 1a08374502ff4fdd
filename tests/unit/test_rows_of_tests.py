"""Only verbs write the worker's own tables: who changes the schema changes one module of the tests."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
# The worker's own; a table's name may also be put into the statement.
TABLES = (
    "arrival", "attempt", "connection", "delivery", "employee", "flow", "host", "job", "job_run", "location",
    "restored", r"\{\}",
)  # fmt: skip
WRITES = (
    r"UPDATE\s+TABLE\s+SET\s+\S",
    r"INSERT\s+INTO\s+TABLE\s*(?:\(|SELECT|VALUES)",
    r"DELETE\s+FROM\s+TABLE(?!\w)",
)
WRITE = re.compile(rf"\b(?:{'|'.join(WRITES)})".replace("TABLE", f"(?:{'|'.join(TABLES)})"))
MODELS = {
    "ARRIVALS", "ATTEMPTS", "CONNECTIONS", "DELIVERIES", "EMPLOYEES", "FLOWS", "HOSTS", "JOBS", "LOCATIONS",
    "RESTORED", "RUNS",
}  # fmt: skip
# What writes beside the verbs, by the beginning of its path, and why it may.
EXEMPT = {
    "worker_rows.py": "has the verbs",
    "strangers.py": "fills every table and column that the schema has, whatever it is",
    "integration/contract/": "says what SQL does that callers, triggers and rights meet",
    "integration/migrations/": "writes as a release before did, on its schema",
    "integration/database/test_databases_of_the_tests.py": "makes a table's file grow, of whatever rows",
    "integration/database/test_conflicts.py": "takes locks in an order that no verb has",
    "model/real_rows.py": "is itself the one place where a row of the model becomes one of the schema",
    "unit/test_rows_of_tests.py": "has examples of what would be found",
    "torture/fast_installation.py": "inserts invites and takes deliveries away in one transaction",
}


def statements(node: ast.AST) -> Iterator[str]:
    """Yield the texts in a module, with ``{}`` for what is put into one."""
    if isinstance(node, ast.JoinedStr):
        yield "".join(str(one.value) if isinstance(one, ast.Constant) else "{}" for one in node.values)
    elif isinstance(node, ast.Constant) and isinstance(node.value, str):
        yield node.value
    for child in ast.iter_child_nodes(node):
        if isinstance(node, ast.JoinedStr) and isinstance(child, ast.Constant):
            continue  # a part of what was yielded whole
        yield from statements(child)


def built(node: ast.AST) -> Iterator[str]:
    """Yield the tables of the model for which a module builds a statement that writes."""
    for call in ast.walk(node):
        if (
            isinstance(call, ast.Call)
            and isinstance(call.func, ast.Attribute)
            and call.func.attr in {"insert", "update", "delete"}
            and call.args
            and isinstance(call.args[0], ast.Name)
            and call.args[0].id in MODELS
        ):
            yield call.args[0].id


def raw_writes(source: str) -> list[str]:
    """Return what a module writes into the worker's tables without a verb."""
    tree = ast.parse(source)
    return [found.group() for text in statements(tree) for found in WRITE.finditer(text)] + [*built(tree)]


def is_exempt(path: str) -> bool:
    """Return whether a module below ``tests/`` may write so."""
    return path.startswith(tuple(EXEMPT))


MODULES = [path for path in sorted(TESTS.rglob("*.py")) if not is_exempt(path.relative_to(TESTS).as_posix())]


def test_a_module_writes_the_workers_tables_by_verbs() -> None:
    """Those of ``tests/worker_rows.py``; the callers' table is the contract, and is written by SQL."""
    found = {
        str(module.relative_to(TESTS)): raw_writes(module.read_text(encoding="utf-8")) for module in MODULES
    }
    assert {module: writes for module, writes in found.items() if writes} == {}
    assert len(found) > 300, "modules are looked through"


@pytest.mark.parametrize("path", EXEMPT)
def test_what_is_exempt_needs_to_be(path: str) -> None:
    """A module that writes no more has no place in the list."""
    modules = sorted((TESTS / path).rglob("*.py")) if path.endswith("/") else [TESTS / path]
    assert any(raw_writes(module.read_text(encoding="utf-8")) for module in modules)


@pytest.mark.parametrize(
    "source",
    [
        "x = 'UPDATE delivery SET status = 1'",
        "x = 'INSERT INTO job_run (id) VALUES (1)'",
        "x = ('INSERT INTO attempt'\n     ' SELECT 1')",
        "def later():\n    run('''DELETE\n  FROM connection''')",
        "x = f'UPDATE {table} SET {column} = 1'",
        "x = f'UPDATE connection SET {column} = 1'",
        "run(sa.update(CONNECTIONS).values(name='a'))",
    ],
)
def test_one_that_does_not_would_be_found(source: str) -> None:
    """However it is written."""
    assert len(raw_writes(source)) == 1


@pytest.mark.parametrize(
    "source",
    [
        "x = 'UPDATE invite SET notes = 1'",
        "x = 'SELECT 1 FROM delivery FOR UPDATE'",
        "x = 'DELETE FROM delivery_old'",
        "wait(at='INSERT INTO delivery')",
        "run(sa.update(INVITES))",
    ],
)
def test_what_may_be_written_is_not_found(source: str) -> None:
    """The callers' table, what only reads, and a statement's beginning that is waited for."""
    assert raw_writes(source) == []
