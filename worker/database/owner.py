"""Who holds a lease: this host's boot, this process, and its start; so that the dead hold nothing."""

import os
import uuid
from functools import cache
from pathlib import Path

PROC = Path("/proc")
START_FIELD = 19  # of /proc/PID/stat, counted behind the command's closing parenthesis


@cache
def this_process() -> str:
    """Return the name under which this process takes leases; no other process ever has the same."""
    return f"{_host()}/{os.getpid()}/{_started(os.getpid()) or uuid.uuid4().hex}"


def is_dead(owner: str | None) -> bool:
    """Say whether *owner* was a process of this host that is surely gone.

    A process of another host, or of another container on this one, is never called dead: it cannot be
    seen from here, so only the end of its lease counts.
    """
    if owner is None:
        return False
    host, _, process = owner.rpartition("/")[0].partition("/")
    if host != _host() or not _sees_every_process():
        return False
    return not process.isdigit() or _started(int(process)) != owner.rpartition("/")[2]


def is_of_this_boot(owner: str | None) -> bool:
    """Say whether *owner* was a process of this boot of this host, so that both have one boot clock."""
    return owner is not None and ":" in _host() and owner.partition("/")[0] == _host()


@cache
def _sees_every_process() -> bool:
    """Say whether /proc shows other users' processes; where it hides them, the living would look dead."""
    return _started(1) is not None


@cache
def _host() -> str:
    """Name this boot of this host, and the container's own space of process ids."""
    try:
        boot = (PROC / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
        space = (PROC / "self/ns/pid").readlink().name
    except OSError:
        return f"{uuid.getnode():x}"
    return f"{boot}:{space}"


def _started(pid: int) -> str | None:
    """Return when a process began, in the kernel's ticks since boot, None where it is gone."""
    try:
        text = (PROC / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
    except OSError:
        return None
    fields = text.rpartition(")")[2].split()
    return None if fields[0] == "Z" else fields[START_FIELD]
