"""What a table was measured on and with: figures of two machines are not compared."""

import os
import platform
import sqlite3
import time
from importlib.metadata import version
from pathlib import Path

LIBRARIES = ("httpx", "sqlalchemy", "psycopg")


def described() -> str:
    """Return the machine, how busy it is, and the versions, in a line."""
    libraries = ", ".join(f"{name} {version(name)}" for name in LIBRARIES)
    cores, load = len(os.sched_getaffinity(0)), os.getloadavg()[0]
    return (
        f"{time.strftime('%Y-%m-%d')}, {cores} cores ({_processor()}), load {load:.1f};"
        f" Linux {platform.release()}, Python {platform.python_version()}, SQLite {sqlite3.sqlite_version},"
        f" {libraries}"
    )


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.machine()
