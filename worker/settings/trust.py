"""Whose files are believed: our own and root's, which nobody else can put another in the place of.

What stands in settings, secrets and job modules decides where tokens go and what code runs, and most of
them are looked for in the working directory.  So that a command is safe to type in any directory, each
such file is judged by its owner before anything of it is used, and so are the folder that holds it and
each link on the way.  A file that a group may write is used, and ``check`` tells of it.
"""

import errno
import os
import pwd
import stat
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from worker.commands import quoted, quoted_path
from worker.errors import SettingsError
from worker.settings.plain import MOST_BYTES, open_plain, require_plain

OVERRIDE = "WORKER_TRUST_FOLDER"
ROOT = 0
MOST_LINKS = 40  # as the system has it


@dataclass(frozen=True, slots=True)
class Step:
    """One thing on the way to a file: a folder, a link, or at last the file itself."""

    path: Path
    status: os.stat_result

    @property
    def is_link(self) -> bool:
        """Whether it only leads on; everybody may do everything with a link but replace it."""
        return stat.S_ISLNK(self.status.st_mode)

    @property
    def is_folder(self) -> bool:
        """Whether it holds others."""
        return stat.S_ISDIR(self.status.st_mode)

    @property
    def is_sticky(self) -> bool:
        """Whether it is a folder in which nobody can replace the files of another, as /tmp is."""
        return self.is_folder and bool(self.status.st_mode & stat.S_ISVTX)

    def may_write(self, bit: int) -> bool:
        """Return whether those whom *bit* stands for can change it."""
        return not self.is_link and bool(self.status.st_mode & bit)


def read_trusted(path: Path, name: str) -> str:
    """Return the text of a small file that may be trusted; *name* is what messages call it.

    Raises:
        SettingsError: it may not be trusted; nothing of it was read.
        NotPlain: it is no file, or too large.
        OSError: the system does not let us read it, or there is none.
        UnicodeDecodeError: it is no UTF-8.
    """
    require_plain(path.stat())
    require_trusted(path, name)
    with os.fdopen(open_plain(path), "rb") as file:
        # Who replaced it since then is found out here.
        _require(Step(path.absolute(), os.fstat(file.fileno())), path, name, others_may_add=True)
        return file.read(MOST_BYTES).decode()


def require_trusted(path: Path, name: str, *, others_may_add: bool = True) -> None:
    """Refuse a file that others than root and ourselves may have written.

    Without *others_may_add* nobody else may put a file of his own beside it either, as in /tmp.

    Raises:
        SettingsError: it belongs to another user, or everybody may write or replace it.
        OSError: the system does not say.
    """
    for step in steps(path):
        _require(step, path, name, others_may_add=others_may_add)


def steps(path: Path) -> Iterator[Step]:
    """Yield what leads to a file: its folder, then itself, and the same again where it is a link."""
    path = path.absolute()
    for _ in range(MOST_LINKS):
        yield Step(path.parent, path.parent.stat())
        step = Step(path, path.lstat())
        yield step
        if not step.is_link:
            return
        path = path.parent / path.readlink()
    raise OSError(errno.ELOOP, os.strerror(errno.ELOOP))


def is_overridden() -> bool:
    """Return whether all files are to be used: a ``.env`` cannot say so, for it would vouch for itself."""
    return os.environ.get(OVERRIDE) == "1"


def user_name(uid: int) -> str:
    """Return a user's name for a message; one without a name is a number."""
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:
        return f"uid {uid}"


def _require(step: Step, path: Path, name: str, *, others_may_add: bool) -> None:
    if is_overridden():
        return
    us = os.geteuid()
    open_to_all = step.may_write(stat.S_IWOTH) and not (step.is_sticky and others_may_add)
    if step.status.st_uid not in {ROOT, us}:
        flaw, repair = "belongs to another user", f"chown {quoted(user_name(us).removeprefix('uid '))}"
    elif open_to_all:
        flaw, repair = "can be written by everybody", "chmod o-w"
    else:
        return
    raise SettingsError(
        f"{name}: {_called(step, path)} {flaw} (owner {user_name(step.status.st_uid)},"
        f" we are {user_name(us)}), so nothing of it is used",
        hint=f"look at what it holds, then `{repair} {quoted_path(step.path)}`;"
        f" or set {OVERRIDE}=1 in the environment, if you trust all who can write there",
    )


def _called(step: Step, path: Path) -> str:
    if step.path == path.absolute():
        return "it"
    return f"its folder {step.path}" if step.is_folder else f"what it leads to, {step.path},"
