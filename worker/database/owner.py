"""Who holds a lease: this host's boot, this process, and its start; so that the dead hold nothing."""

import os
import uuid
from functools import cache, cached_property
from pathlib import Path

START_FIELD = 19  # of /proc/PID/stat, counted behind the command's closing parenthesis


class Here:
    """This process and its host, as far as /proc tells of them."""

    def __init__(self, proc: Path = Path("/proc")) -> None:
        """Read nothing yet."""
        self._proc = proc

    @cached_property
    def name(self) -> str:
        """The name under which this process takes leases; no other process ever has the same."""
        host = self._host or f"{uuid.getnode():x}"
        return f"{host}/{os.getpid()}/{self._started(os.getpid()) or uuid.uuid4().hex}"

    @cached_property
    def boot_clock(self) -> str | None:
        """Whose clock since boot we read: this boot's, in our own space of time; None if it is hidden."""
        if self._host is None:
            return None
        try:
            space = (self._proc / "self/ns/time").readlink().name
        except OSError:  # a kernel without such spaces
            space = ""
        return f"{self._host.partition(':')[0]}:{space}"

    def is_dead(self, owner: str | None) -> bool:
        """Return whether *owner* was a process of this host that is surely gone.

        A process of another host, or of another container on this one, is never called dead: it cannot be
        seen from here, so only the end of its lease counts.  Nor is any, where we cannot tell which host,
        and which processes of it, we see.
        """
        if owner is None or self._host is None:
            return False
        host, _, process = owner.rpartition("/")[0].partition("/")
        if host != self._host or not self._sees_every_process:
            return False
        return not process.isdigit() or self._started(int(process)) != owner.rpartition("/")[2]

    def is_of_this_boot(self, owner: str | None) -> bool:
        """Return whether *owner* was a process of this boot of this host: both have one boot clock."""
        return owner is not None and self._host is not None and owner.partition("/")[0] == self._host

    @cached_property
    def _host(self) -> str | None:
        """This boot of this host, and the container's own space of process ids; None if either is hidden."""
        try:
            boot = (self._proc / "sys/kernel/random/boot_id").read_text(encoding="ascii").strip()
            space = (self._proc / "self/ns/pid").readlink().name
        except (OSError, ValueError):
            return None
        return f"{boot}:{space}" if boot and space else None

    @cached_property
    def _sees_every_process(self) -> bool:
        """Whether /proc shows other users' processes; where it hides them, the living would look dead."""
        return self._started(1) is not None

    def _started(self, pid: int) -> str | None:
        """Return when a process began, in the kernel's ticks since boot, None if it is gone."""
        try:
            text = (self._proc / str(pid) / "stat").read_text(encoding="ascii", errors="replace")
        except OSError:
            return None
        fields = text.rpartition(")")[2].split()
        return None if fields[0] == "Z" else fields[START_FIELD]


HERE = Here()


@cache
def this_process() -> str:
    """Return the name under which this process takes leases."""
    return HERE.name


def is_dead(owner: str | None) -> bool:
    """Return whether *owner* was a process of this host that is surely gone."""
    return HERE.is_dead(owner)


def this_boot_clock() -> str | None:
    """Return a name for the clock since boot that this process reads, None if nobody can tell."""
    return HERE.boot_clock


def is_of_this_boot(owner: str | None) -> bool:
    """Return whether *owner* was a process of this boot of this host: both have one boot clock."""
    return HERE.is_of_this_boot(owner)
