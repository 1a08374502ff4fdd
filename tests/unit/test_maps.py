"""Each package says what its files are: a newcomer reads one docstring, and opens the right file."""

import ast
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = sorted(
    path.parent
    for folder in ("worker", "jobs")
    for path in (ROOT / folder).rglob("__init__.py")
    if "versions" not in path.parts
)
MOST_FILES = 14  # of one level; what has more has rooms in it that nobody has named
EXEMPT = {"sandbox"}


def docstring(path: Path) -> str:
    """Return the docstring of a file."""
    return ast.get_docstring(ast.parse(path.read_text(encoding="utf-8"))) or ""


def files(package: Path) -> list[Path]:
    """Return the files of a package, and the packages in it by what they say of themselves."""
    modules = [path for path in package.glob("*.py") if path.name != "__init__.py"]
    return sorted([*modules, *package.glob("*/__init__.py")], key=name)


def name(path: Path) -> str:
    """Return what a file, or a package, is imported as."""
    return path.parent.name if path.name == "__init__.py" else path.stem


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_a_package_lists_its_files_each_by_what_it_says_of_itself(package: Path) -> None:
    """A file that is added, renamed or given another purpose is so in the list, too."""
    _, _, listed = docstring(package / "__init__.py").partition("\n\nFiles:\n\n")
    expected = [f"{name(path)}: {docstring(path).splitlines()[0]}" for path in files(package)]
    assert " ".join(listed.split()).split(" ") == " ".join(expected).split()


@pytest.mark.parametrize("package", PACKAGES, ids=lambda path: str(path.relative_to(ROOT)))
def test_no_package_has_more_files_at_one_level_than_one_reads(package: Path) -> None:
    """What has more has rooms in it that nobody has named."""
    modules = [path for path in package.glob("*.py") if path.name != "__init__.py"]
    assert len(modules) <= MOST_FILES or package.name in EXEMPT
