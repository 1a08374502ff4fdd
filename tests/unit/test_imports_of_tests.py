"""What tests share stands where it is looked for: no kind hangs on another, and no test on a test."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

TESTS = Path(__file__).parents[1]
KINDS = {"unit", "integration", "acceptance", "torture", "model"}
MODULES = sorted(TESTS.rglob("*.py"))


def imported(source: str) -> Iterator[tuple[str, ...]]:
    """Yield the parts of each dotted name that a module imports from the tests; the last may be a value."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            names = [one.name for one in node.names]
        elif isinstance(node, ast.ImportFrom):
            assert not node.level, "imports are absolute"
            names = [f"{node.module}.{one.name}" for one in node.names]
        else:
            continue
        yield from (tuple(name.split(".")) for name in names if name.startswith("tests."))


def misplaced(path: str, source: str) -> list[str]:
    """Return what a module below ``tests/`` imports from another kind, or from a test module."""
    kind = path.partition("/")[0]
    return [
        ".".join(parts)
        for parts in imported(source)
        if any(part.startswith("test_") for part in parts[1:-1])
        or parts[-1].startswith("test_")
        or (parts[1] in KINDS and parts[1] != kind)
    ]


def test_a_module_imports_helpers_of_its_own_kind_or_of_all() -> None:
    """What several kinds share stands directly in ``tests/`` or in a package of its own there."""
    names = {module: module.relative_to(TESTS).as_posix() for module in MODULES}
    found = {name: misplaced(name, module.read_text(encoding="utf-8")) for module, name in names.items()}
    assert {name: imports for name, imports in found.items() if imports} == {}
    assert len(found) > 300, "modules are looked through"


@pytest.mark.parametrize(
    "statement",
    [
        "from tests.torture.server import own_server",
        "import tests.model.search",
        "from tests import acceptance",
        "from tests.unit.test_maps import ROOT",
        "from tests.unit import test_maps",
        "def later():\n    from tests.integration.conftest import tell",
    ],
)
def test_one_that_does_not_would_be_found(statement: str) -> None:
    """In any form, at any place of a module."""
    assert len(misplaced("unit/test_any.py", statement)) == 1


def test_what_may_be_imported_is_not_found() -> None:
    """Helpers of the same kind, those of all kinds, and the product."""
    allowed = (
        "from tests.unit.delivery import contents\nfrom tests.waiting import wait_until\nimport worker.cli"
    )
    assert misplaced("unit/test_any.py", allowed) == []
