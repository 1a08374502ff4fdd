"""Start a worker within milliseconds: one process has imported everything, and forks a child a command.

Each child is a real process, with a pid and a process group of its own.  The parent opens no database and
starts no thread, so a child is what a new interpreter would be after its imports.
"""

import ctypes
import gc
import importlib
import json
import os
import pkgutil
import signal
import sys
import threading
import traceback
from typing import Any, NoReturn

import jobs
import worker
from tests import clocks
from worker.cli import run_command
from worker.database.owner import this_process

PR_SET_PDEATHSIG = 1
# Their import starts what they are for.
LEFT_OUT = ("worker.__main__", "worker.migrations.")
STREAMS = (os.O_RDONLY, os.O_WRONLY | os.O_APPEND, os.O_WRONLY | os.O_APPEND)
DRIVERS = ("psycopg", "sqlalchemy.dialects.postgresql.psycopg", "sqlalchemy.dialects.sqlite.pysqlite")


def serve() -> None:
    """Do what the lines of stdin ask for; at their end, end every child that is left."""
    _import_everything()
    libc = ctypes.CDLL(None)
    children: set[int] = set()
    _answer(os.getpid())
    try:
        for line in sys.stdin:
            request = json.loads(line)
            if "wait" in request:
                _answer(_code(children, request["wait"]))
            elif (pid := os.fork()) == 0:
                libc.prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
                _become(request)
            else:
                children.add(pid)
                _answer(pid)
    finally:
        for pid in children:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _import_everything() -> None:
    for package in (worker, jobs):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if not f"{module.name}.".startswith(LEFT_OUT):
                importlib.import_module(module.name)
    for driver in DRIVERS:
        importlib.import_module(driver)
    assert threading.active_count() == 1
    assert this_process.cache_info().currsize == 0
    gc.freeze()


def _answer(number: int | None) -> None:
    sys.stdout.write(f"{json.dumps(number)}\n")
    sys.stdout.flush()


def _code(children: set[int], pid: int) -> int | None:
    """Return how a child ended, None while it lives; its pid stays taken until it was asked for."""
    ended, status = os.waitpid(pid, os.WNOHANG)
    if not ended:
        return None
    children.remove(pid)
    return os.waitstatus_to_exitcode(status)


def _become(request: dict[str, Any]) -> NoReturn:
    """Run one command as if it had been started from a shell."""
    code = 1
    try:
        os.setpgid(0, 0)
        for number, (name, flags) in enumerate(zip(request["streams"], STREAMS, strict=True)):
            os.dup2(os.open(name, flags), number)
        _take_streams()
        os.environ.clear()
        os.environ.update(request["env"])
        clocks.entered()
        os.chdir(request["folder"])
        code = run_command(request["command"])
        sys.stdout.flush()
    except BaseException:  # noqa: BLE001 -- nothing may get back into the parent's loop
        traceback.print_exc()
    os._exit(code)


def _take_streams() -> None:
    """Make the streams again, as a start does: the old ones have read ahead, or take a pipe for a file."""
    sys.stdin = os.fdopen(0, encoding="utf-8")
    sys.stdout = os.fdopen(1, "w", encoding="utf-8", closefd=False)
    sys.stderr = os.fdopen(2, "w", buffering=1, encoding="utf-8", errors="backslashreplace", closefd=False)


if __name__ == "__main__":
    serve()
