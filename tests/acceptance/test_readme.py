"""The README is true: its commands are understood, its tables complete, and the demo prints what it shows."""

import os
import re
import shlex
import shutil
import subprocess
import sys
import tomllib
from collections.abc import Iterable
from pathlib import Path

import pytest
from typer.core import TyperGroup
from typer.main import get_command

from tests.acceptance.markdown import ROOT, blocks, first_cells, inline_code, pages, section, text
from tests.installation import PATIENCE_SECONDS
from worker.cli.app import app
from worker.errors import ExitCode

COMMAND = re.compile(r"(?:^|\(|\| |run )(?:\S*python -m worker|envoy-worker) ([^|>#)]+)")
ELLIPSES = {"...", "…"}


def commands(code: str) -> list[list[str]]:
    """Return the worker's commands in a piece of code, each as its arguments."""
    found = [arguments for line in code.splitlines() for arguments in COMMAND.findall(line)]
    return [[word for word in shlex.split(arguments) if word not in ELLIPSES] for arguments in found]


def parse(arguments: list[str], *, whole: bool) -> None:
    """Find the command and, if it is *whole*, read its arguments; fail where the worker would."""
    command = get_command(app)
    while isinstance(command, TyperGroup) and arguments:
        assert arguments[0] in command.commands, f"no such command: {arguments[0]}"
        command, arguments = command.commands[arguments[0]], arguments[1:]
    if whole:
        command.make_context("envoy-worker", arguments)
        return
    known = {option for parameter in command.params for option in parameter.opts}
    assert {word for word in arguments if word.startswith("--")} <= known


def names(cells: Iterable[str]) -> set[str]:
    """Return what stands between backticks in the cells of a table."""
    return {name for cell in cells for name in re.findall(r"`([^`]+)`", cell)}


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_commands_of_the_pages_are_understood(page: Path) -> None:
    """Every command that a page tells to type exists, with these arguments and options."""
    whole = page.read_text(encoding="utf-8")

    for code in blocks(whole, "sh"):
        for arguments in commands(code):
            parse(arguments, whole=True)
    for code in inline_code(whole):
        for arguments in commands(code):
            parse(arguments, whole=False)


def test_the_demo_prints_what_the_readme_shows(tmp_path: Path) -> None:
    """The story is the same to the word; only ports and the number before the pause are chance."""
    shutil.copy(ROOT / "settings.toml", tmp_path)
    played = subprocess.run(
        [sys.executable, "-m", "worker", "demo"],
        env={"PATH": os.environ["PATH"], "PYTHONPATH": str(ROOT)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=PATIENCE_SECONDS,
        check=True,
    )

    assert story(played.stdout) == story(blocks(text("README.md"), "text")[0])


def story(printed: str) -> list[str]:
    """Return the words of the demo up to its events, without what is chance."""
    told, mark, _ = printed.partition("Every result is an event")
    assert mark
    return re.sub(r"127\.0\.0\.1:\d+|\d+ sent, then", "", " ".join(told.split())).split()


def test_the_table_of_settings_is_complete() -> None:
    """Each section and key of settings.toml stands in the README, and no other."""
    settings = tomllib.loads(text("settings.toml"))
    jobs = settings.pop("jobs")
    lines = section(text("README.md"), "Settings and secrets").splitlines()
    table = [line.split("|")[1:3] for line in lines if line.startswith("|")]
    first_table = table[2 : [cells[0].strip() for cells in table].index("secret")]

    sections = {name.strip("[]") for name in names(cells[0] for cells in first_table)}
    keys = names(cells[1] for cells in first_table)

    assert sections == {*settings, "jobs.NAME"}
    assert {key for keys_of in settings.values() for key in keys_of} | {
        "run",
        "every",
        "cron",
        "jitter",
    } == keys
    assert all("run" in job for job in jobs.values())


def test_the_table_of_exit_codes_is_complete_and_in_order() -> None:
    """The codes stand in the order in which the first one that applies is taken."""
    codes = [int(cell) for cell in first_cells(section(text("README.md"), "Exit codes"))]

    assert codes == [78, 74, 69, 1, 2, 77, 3, 75, 0]
    assert set(codes) == set(ExitCode)


def test_the_readme_says_why_each_package_is_needed() -> None:
    """The table names the runtime's packages, all and no other."""
    project = tomllib.loads(text("pyproject.toml"))["project"]
    needed = {re.split(r"[\[<>=]", requirement)[0] for requirement in project["dependencies"]}

    assert names(first_cells(section(text("README.md"), "What it is built on, and why"))) == needed
