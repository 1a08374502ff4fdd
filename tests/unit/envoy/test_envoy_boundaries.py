"""What the source of the project must not contain."""

import ast
from pathlib import Path

import worker

PACKAGE = Path(worker.__file__).parent


def imports_of(path: Path) -> set[str]:
    """Return the top-level names of the packages that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module.split(".")[0])
    return names


def test_one_module_knows_the_http_library() -> None:
    """So that it can be exchanged in one place."""
    users = {path for path in PACKAGE.rglob("*.py") if imports_of(path) & {"httpx", "httpcore"}}

    assert {PACKAGE / "envoy" / "http.py"} == users


def test_nothing_about_envoy_is_drawn_from_a_guessable_source() -> None:
    """States and verifiers come from ``secrets``."""
    assert not [path for path in (PACKAGE / "envoy").rglob("*.py") if "random" in imports_of(path)]
