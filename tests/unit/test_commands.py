"""A shell takes what a hint says to type as it is meant, and no hint is put together elsewhere."""

import ast
import os
import random
import re
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.strangers import hostile
from worker.commands import command, quoted, quoted_path

ROOT = Path(__file__).parents[2]
# What begins a command, or a statement, that a person is told to type.
TYPED = re.compile(r"\b(envoy-worker|run-once|chown|chmod|sqlite3|mv|cp|rm|psql)\b[^`;]*$")


def words_of(shell: str, typed: str) -> list[str]:
    """Return the words that a shell makes of what is typed."""
    told = subprocess.run(
        [shell, "-c", f"printf '%s\\0' {typed}"],
        capture_output=True,
        check=True,
        env={"LC_ALL": "C.UTF-8", "PATH": os.environ["PATH"]},
    )
    return told.stdout.decode(errors="surrogateescape").split("\0")[:-1]


def test_a_shell_reads_back_what_was_quoted() -> None:
    """Blanks, quotes, expansions, and what cannot be seen, which is typed by its number."""
    chance = random.Random(3)  # noqa: S311 -- to be played again
    texts = [
        "acme",
        "$(touch x)",
        "it's",
        "a b",
        "",
        "a\\'$(x)\x1b",
        "a\udcff",
        *(hostile(chance) for _ in range(200)),
    ]
    line = " ".join(map(quoted, texts))

    assert words_of("bash", line) == texts
    assert line.isprintable() or "\u3000" in line


def test_no_shell_runs_any_of_it(tmp_path: Path) -> None:
    """A shell that does not know how bash writes what cannot be seen takes it for another word."""
    texts = [
        f"{sign}';$(touch {tmp_path}/x)`touch {tmp_path}/x`'{sign}"
        for sign in ("", "\x1b", "\n", "\u202e", "'")
    ]
    for shell in filter(shutil.which, ("sh", "dash", "bash", "zsh")):
        subprocess.run([shell, "-c", f": {' '.join(map(quoted, texts))}"], check=True)

    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        (command("status"), "envoy-worker status"),
        (command("connect", "acme"), "envoy-worker connect acme"),
        (command("connect", "$(touch x)"), "envoy-worker connect '$(touch x)'"),
        (command("connect", "=ls"), "envoy-worker connect '=ls'"),
        (command("connect", "-x"), "envoy-worker connect -- -x"),
        (
            command("invites resolve", "acme/1", then="--resend"),
            "envoy-worker invites resolve acme/1 --resend",
        ),
        (
            command("invites resolve", "-x/1", then="--resend"),
            "envoy-worker invites resolve --resend -- -x/1",
        ),
        (
            command("directory --refresh --connection", "-x"),
            "envoy-worker directory --refresh --connection=-x",
        ),
        (quoted_path("-x y"), "'./-x y'"),
        (quoted_path(Path("/a/b")), "/a/b"),
    ],
)
def test_a_name_is_never_taken_for_an_option(typed: str, expected: str) -> None:
    """However it begins."""
    assert typed == expected


def hand_made(source: str) -> Iterator[int]:
    """Yield the lines of texts that put a value behind the name of a command."""
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.JoinedStr):
            before = ""
            for part in node.values:
                if isinstance(part, ast.Constant):
                    before += str(part.value)
                elif TYPED.search(before) and not is_made_for_it(part):
                    yield node.lineno
        elif isinstance(node, ast.Constant) and is_to_be_filled(str(node.value)):
            yield node.lineno


def is_to_be_filled(text: str) -> bool:
    """Return whether a text has a place for a value behind the name of a command."""
    return any(TYPED.search(text[: place.start()]) for place in re.finditer(r"\{\w*\}|%s", text))


def is_made_for_it(part: ast.expr) -> bool:
    """Return whether a value in a text was quoted."""
    value = part.value if isinstance(part, ast.FormattedValue) else part
    return isinstance(value, ast.Call) and getattr(value.func, "id", "") in {
        "command",
        "quoted",
        "quoted_path",
    }


@pytest.mark.parametrize("folder", ["worker", "jobs"])
def test_no_command_is_put_together_by_hand(folder: str) -> None:
    """All come from one place, which quotes what they name."""
    found = [
        f"{path.relative_to(ROOT)}:{line}"
        for path in sorted((ROOT / folder).rglob("*.py"))
        for line in hand_made(path.read_text(encoding="utf-8"))
    ]

    assert found == []


def test_one_that_was_would_be_found() -> None:
    """In an f-string as in a text to be filled in later."""
    assert list(hand_made('f"run `envoy-worker connect {name}`"')) == [1]
    assert list(hand_made('"run `envoy-worker connect {}`".format(name)')) == [1]
    assert list(hand_made('f"`chown {user} {path}`"')) == [1, 1]
    assert not list(hand_made("f\"run `{command('connect', name)}`, {name}\""))
