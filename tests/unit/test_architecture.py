"""The pages for newcomers are true: each file that they name is there, and each word is explained once."""

import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PAGES = ["docs/architecture.md", "CONTRIBUTING.md"]
BLOCK = re.compile(r"^```.*?^```", re.MULTILINE | re.DOTALL)
QUOTED = re.compile(r"`([\w./*-]+(?:\.(?:py|sql|md|toml|in)|/))`")
IN_A_PICTURE = re.compile(r"[\w-]+(?:/[\w-]+)+\.(?:py|sql|md)")
MOST_LINES = 300


def paths(page: str) -> list[str]:
    """Return what a page names as a file or a folder: in backticks, or in a picture."""
    pictures = "\n".join(BLOCK.findall(page))
    return [*QUOTED.findall(BLOCK.sub("", page)), *IN_A_PICTURE.findall(pictures)]


def missing(page: str) -> list[str]:
    """Return the paths of a page that lead nowhere."""
    return [path for path in paths(page) if not any(ROOT.glob(path))]


def text(page: str) -> str:
    """Return a page of the repository."""
    return (ROOT / page).read_text(encoding="utf-8")


def table(title: str) -> list[list[str]]:
    """Return the rows of the table under a heading of the page, each as its cells."""
    _, _, rest = text(PAGES[0]).partition(f"\n## {title}\n")
    lines = [line for line in rest.partition("\n## ")[0].splitlines() if line.startswith("|")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines[2:]]


@pytest.mark.parametrize("page", PAGES)
def test_every_file_that_a_page_names_exists(page: str) -> None:
    """A file that is renamed is renamed in the pages, too."""
    assert len(paths(text(page))) > 10
    assert missing(text(page)) == []


def test_one_that_does_not_would_be_found() -> None:
    """In a sentence as in a picture; a star stands for any name."""
    assert missing("`worker/nothing.py`, `worker/cli/`, `nowhere/` and `tests/*/test_nothing*.py`") == [
        "worker/nothing.py",
        "nowhere/",
        "tests/*/test_nothing*.py",
    ]
    assert missing("```text\n claim  worker/delivery/claims.py, jobs/push_invites.py\n```\n") == [
        "worker/delivery/claims.py"
    ]


def test_every_word_is_explained_once_and_in_one_sentence() -> None:
    """One name for one thing, and a short word on it."""
    words = [word.lower() for word, _ in table("Glossary")]
    meanings = dict(table("Glossary"))

    assert len(words) > 40
    assert sorted(words) == sorted(set(words))
    assert [
        word for word, said in meanings.items() if not re.fullmatch(r"[A-Z][^.]*(?:\.\w+[^.]*)*\.", said)
    ] == []


def test_each_of_twenty_questions_has_a_file_to_open() -> None:
    """The second column is a file, and not a description of one."""
    questions = table("Twenty questions")

    assert len(questions) == 20
    assert [question for question, first, _ in questions if not QUOTED.match(first)] == []


def test_every_package_is_on_the_map() -> None:
    """A package that is added is shown to newcomers."""
    shown = {path for row in table("The map") for path in QUOTED.findall(row[0])}
    packages = {f"worker/{file.parent.name}/" for file in (ROOT / "worker").glob("*/__init__.py")}

    assert packages - shown == set()


def test_the_page_stays_one_that_is_read() -> None:
    """What grows beyond it belongs into the page that it is about."""
    assert len(text(PAGES[0]).splitlines()) <= MOST_LINES
