"""Run one command and print what it used, as JSON: ``python -m bench.watch COMMAND...``.

A process of its own and a small one: Linux counts the memory of anyone who starts a command among the
peak of the command.  SIGTERM is passed on.
"""

import json
import os
import signal
import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

LOOK_EVERY_SECONDS = 0.25


def main() -> None:
    """Run the command with its output on stderr; print its exit code and what it used at most."""
    began = time.monotonic()
    onto_stderr = [(os.POSIX_SPAWN_DUP2, 2, 1)]
    pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=onto_stderr)
    signal.signal(signal.SIGTERM, lambda number, _frame: os.kill(pid, number))
    most = {"threads": 0, "databases": 0}
    threading.Thread(target=_look, args=(Path(f"/proc/{pid}"), most), daemon=True).start()
    _, status, usage = os.wait4(pid, 0)
    used = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "seconds": time.monotonic() - began,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
        **most,
    }
    print(json.dumps(used))


def _look(process: Path, most: dict[str, int]) -> None:
    """Note the most threads and database connections of a process, until it is gone."""
    while process.exists():
        with suppress(OSError):  # it has just ended
            most["threads"] = max(most["threads"], len(list((process / "task").iterdir())))
            most["databases"] = max(most["databases"], _databases(process))
        time.sleep(LOOK_EVERY_SECONDS)


def _databases(process: Path) -> int:
    """Count the connections: opened files of SQLite, or sockets of the server on this host."""
    lines = (process / "net" / "unix").read_text().splitlines()
    sockets = {f"socket:[{line.split()[6]}]" for line in lines[1:]}
    opened = [str(file.readlink()) for file in (process / "fd").iterdir()]
    return sum(name.endswith("/worker.db") or name in sockets for name in opened)


if __name__ == "__main__":
    main()
