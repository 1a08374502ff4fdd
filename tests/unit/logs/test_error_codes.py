"""Every error code that the code can tell stands in the documentation."""

import ast
import re
from collections.abc import Iterator
from functools import cache
from pathlib import Path

import pytest

from worker.connections.states import HoldReason
from worker.envoy.http.failures import MESSAGES

ROOT = Path(__file__).parents[3]
PAGES = ("docs/events.md", "docs/operating.md", "docs/sql-contract.md", "docs/delivery.md")
# Their own words are no error codes: the sandbox's are Envoy's, the command line tells states.
OTHERS = ("sandbox", "demo", "cli")
MAKES = {"Settled", "not_sent", "outcome_unknown"}  # calls that take a code as one of their first two values
WORD = re.compile(r"[a-z]+(_[a-z0-9]+)*")


@cache
def modules() -> list[ast.Module]:
    """Return the code of the product."""
    files = [file for file in (ROOT / "worker").rglob("*.py") if not {*OTHERS} & {*file.parts}]
    return [ast.parse(file.read_text(encoding="utf-8")) for file in files]


@cache
def constants() -> dict[str, set[str]]:
    """Return the words that names at the top of modules stand for."""
    found: dict[str, set[str]] = {}
    for statement in (statement for module in modules() for statement in module.body):
        if isinstance(statement, ast.Assign) and isinstance(statement.value, ast.Constant):
            for name in (target.id for target in statement.targets if isinstance(target, ast.Name)):
                found.setdefault(name, set()).update(words(statement.value))
    return found


def words(value: ast.expr) -> set[str]:
    """Return the words that an expression may come to, as far as can be seen."""
    match value:
        case ast.Constant(value=str(word)):
            return {word} if WORD.fullmatch(word) else set()
        case ast.Name(id=name) | ast.Attribute(attr=name):
            return constants().get(name, set())
        case ast.IfExp(body=one, orelse=other):
            return words(one) | words(other)
        case ast.BoolOp(values=several):
            return set().union(*map(words, several))
    return set()


def codes() -> Iterator[str]:
    """Yield each error code that is named in the code."""
    yield from HoldReason
    yield from MESSAGES
    for node in (node for module in modules() for node in ast.walk(module)):
        match node:
            case ast.keyword(arg="error_code", value=value):
                yield from words(value)
            case ast.Assign(targets=[ast.Name(id="default_code")], value=value):
                yield from words(value)
            case ast.Call(func=ast.Name(id=name), args=values) if name in MAKES:
                yield from (word for value in values[:2] for word in words(value))


@pytest.mark.parametrize("code", sorted({*codes()}))
def test_an_error_code_is_explained(code: str) -> None:
    """A word of the log is found by a search in the documentation."""
    assert any(f"`{code}`" in (ROOT / page).read_text(encoding="utf-8") for page in PAGES)


def test_codes_are_found_in_each_way() -> None:
    """One of each form in which the code names them."""
    assert {"lease_over", "rate_limited", "tls_failed", "interrupted", "damaged_token"} <= {*codes()}
