"""What the source of the project must not contain."""

import ast
from functools import cache
from pathlib import Path

import worker

PACKAGE = Path(worker.__file__).parent


@cache
def modules_of(path: Path) -> frozenset[str]:
    """Return the names of the modules that a module imports."""
    names: set[str] = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            names.add(node.module)
    return frozenset(names)


def imports_of(path: Path) -> set[str]:
    """Return the top-level names of the packages that a module imports."""
    return {name.split(".")[0] for name in modules_of(path)}


BEHIND_THE_CLIENT = {"certificates", "client", "outgoing", "transport", "wire"}
OF_THE_CLIENT = BEHIND_THE_CLIENT | {"connecting", "exchange", "rehearsal"}


def test_the_http_library_is_known_behind_the_client_only() -> None:
    """So that it can be exchanged in one place: the client, and what it is made of."""
    users = {path for path in PACKAGE.rglob("*.py") if imports_of(path) & {"httpx", "httpcore"}}

    assert {PACKAGE / "envoy" / "http" / f"{name}.py" for name in BEHIND_THE_CLIENT} == users


def test_nobody_uses_what_is_behind_the_client_but_the_client() -> None:
    """The other modules see requests and answers of ours."""
    inner = {f"worker.envoy.http.{name}" for name in OF_THE_CLIENT - {"client"}}
    behind = {PACKAGE / "envoy" / "http" / f"{name}.py" for name in OF_THE_CLIENT}
    users = {path for path in PACKAGE.rglob("*.py") if modules_of(path) & inner}

    assert users <= behind


def test_no_private_part_of_the_http_library_is_touched() -> None:
    """A release of it may move them, and a deadline would be gone without a word."""
    touched = {
        (path.name, node.attr)
        for path in (PACKAGE / "envoy").rglob("*.py")
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Attribute) and is_private(node)
    }

    assert touched == set()


def is_private(node: ast.Attribute) -> bool:
    """Return whether it is a private attribute of something else than the object itself."""
    of_self = isinstance(node.value, ast.Name) and node.value.id == "self"
    return node.attr.startswith("_") and not node.attr.startswith("__") and not of_self


def test_nothing_about_envoy_is_drawn_from_a_guessable_source() -> None:
    """States and verifiers come from ``secrets``."""
    assert not [path for path in (PACKAGE / "envoy").rglob("*.py") if "random" in imports_of(path)]


def test_paths_are_made_where_ids_are_judged() -> None:
    """Nobody else puts something into a path: neither by quoting it, nor behind a name of Envoy's."""
    quoting = {path.name for path in (PACKAGE / "envoy").rglob("*.py") if "quote(" in path.read_text("utf-8")}
    makers = {
        path.name
        for path in PACKAGE.rglob("*.py")
        if "sandbox" not in path.parts
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.JoinedStr) and "/v1" in ast.unparse(node)
    }

    assert (quoting, makers) == ({"identifiers.py"}, set())
