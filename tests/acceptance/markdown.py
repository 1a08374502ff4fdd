"""What the pages of the repository say: their code blocks, links and tables."""

import re
from collections.abc import Iterator
from pathlib import Path

ROOT = Path(__file__).parents[2]
FENCE = re.compile(r"^ *```(\w*)\n(.*?)^ *```", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\(([^)\s]+)\)")
CODE = re.compile(r"`([^`]+)`")


def pages() -> list[Path]:
    """Return every page."""
    return [*sorted(ROOT.glob("*.md")), *sorted((ROOT / "docs").rglob("*.md"))]


def text(name: str) -> str:
    """Return a file of the repository."""
    return (ROOT / name).read_text(encoding="utf-8")


def section(page: str, title: str) -> str:
    """Return what stands under a heading, up to the next one of any level."""
    _, found, rest = page.partition(f"# {title}\n")
    assert found, f"no heading {title}"
    outside_code = re.split(
        r"^#+ \w", FENCE.sub(lambda block: block[0].replace("\n#", "\n #"), rest), flags=re.MULTILINE
    )
    return outside_code[0]


def blocks(page: str, language: str) -> list[str]:
    """Return the code blocks of one language."""
    return [code for found, code in FENCE.findall(page) if found == language]


def links(page: str) -> Iterator[str]:
    """Yield where the page links to, code left out."""
    yield from LINK.findall(FENCE.sub("", page))


def inline_code(page: str) -> list[str]:
    """Return what stands between single backticks, code blocks left out."""
    return [" ".join(code.split()) for code in CODE.findall(FENCE.sub("", page))]


def first_cells(table: str) -> list[str]:
    """Return what the first column of a table says, its heading left out."""
    rows = [line.split("|")[1].strip() for line in table.splitlines() if line.startswith("|")]
    return rows[2:]
