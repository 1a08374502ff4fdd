"""Run one command and print what it used, as JSON: ``python -m bench.watch COMMAND...``.

A process of its own and a small one: Linux counts the memory of whoever starts a command among the
peak of the command.
"""

import json
import os
import sys
import time


def main() -> None:
    """Run the command with its output on stderr; print its exit code, seconds, CPU and peak memory."""
    began = time.monotonic()
    onto_stderr = [(os.POSIX_SPAWN_DUP2, 2, 1)]
    pid = os.posix_spawnp(sys.argv[1], sys.argv[1:], os.environ, file_actions=onto_stderr)
    _, status, usage = os.wait4(pid, 0)
    used = {
        "exit_code": os.waitstatus_to_exitcode(status),
        "seconds": time.monotonic() - began,
        "cpu_seconds": usage.ru_utime + usage.ru_stime,
        "peak_mib": usage.ru_maxrss / 1024,
    }
    print(json.dumps(used))


if __name__ == "__main__":
    main()
