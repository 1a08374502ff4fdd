"""What a process loads before it works: only what it uses."""

import subprocess
import sys
from pathlib import Path

ACCESS = "worker.connections.tokens.access"
SERVICE = "import worker.service, worker.intake, worker.retention, jobs.push_invites, sys;"
PUSH = "import worker.cli.run_once, worker.runs, jobs.push_invites, jobs.reconcile_invites, sys;"
PARTS = "from worker.context import Context; import worker.runs, worker.connections.store, sys;"
LOADED = "print([name for name in {!r} if name in sys.modules])"


def loaded(code: str, *names: str) -> str:
    """Return which of the modules are loaded once *code* has run in a process of its own."""
    run = subprocess.run(
        [sys.executable, "-c", code + LOADED.format(names)],
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return run.stdout.strip()


def test_a_worker_on_sqlite_never_loads_what_postgresql_needs() -> None:
    """The driver and SQLAlchemy's dialect take an eighth of a second and ten megabytes."""
    assert loaded(SERVICE, "psycopg", "sqlalchemy.dialects.postgresql") == "[]"


def test_a_run_that_sends_nothing_never_loads_the_http_library() -> None:
    """It takes a tenth of a second, with the certificates that it reads."""
    assert loaded(PUSH, "httpx", "httpcore", "worker.envoy.http.client") == "[]"


def test_a_command_that_only_reads_loads_neither_keys_nor_envoy() -> None:
    """The parts are there to be asked for, and are loaded when they are."""
    assert loaded(PARTS, ACCESS, "worker.envoy.api", "cryptography.fernet") == "[]"


def test_the_help_loads_neither_the_database_nor_the_settings() -> None:
    """Nor what checks the options' values, which no help needs."""
    code = "import sys; from worker.cli import run_command; sys.stdout = open('/dev/null', 'w');"
    help_ = "run_command(['--help']); sys.stdout = sys.__stdout__;"
    names = ("sqlalchemy", "sqlmodel", "structlog", "pydantic", "rich", "worker.settings", "worker.database")
    assert loaded(code + help_, *names) == "[]"


def test_nothing_is_looked_through_for_garbage_while_it_loads_and_all_new_things_afterwards() -> None:
    """To look through what stays, again and again, took a tenth of the start."""
    code = """
import gc
from worker import loading
usual, looks = gc.get_threshold(), []
gc.callbacks.append(lambda phase, _: looks.append(phase))
loading.begin()
import worker.service, worker.intake
while_loading = len(looks)
loading.end()
stays = gc.get_freeze_count()
more = [[] for _ in range(2 * usual[0])]
loading.end()
print(while_loading, len(looks) > 0, gc.get_threshold() == usual)
print(stays > 50_000, gc.get_freeze_count() == stays)
"""
    run = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, timeout=60)
    assert run.stdout.split() == ["0", "True", "True", "True", "True"]


def test_no_library_loads_rich_for_what_nothing_here_uses() -> None:
    """It took a tenth of the start and four megabytes; who needs it for a table gets it."""
    start = "import sys; from worker import loading; loading.leave_out(); import worker.service, httpx;"
    assert loaded(start, "rich", "pygments", "click") == "[]"
    assert loaded(f"{start} from rich.table import Table;", "rich.table") == "['rich.table']"


def test_a_command_begins_without_rich(tmp_path: Path) -> None:
    """A run, in a process of its own, which loads structlog and prints no table."""
    code = f"import os, sys; os.chdir({str(tmp_path)!r}); from worker.cli import run_command;"
    once = "sys.stderr = open('/dev/null', 'w'); run_command(['run-once']);"
    assert loaded(code + once, "structlog", "rich") == "['structlog']"
