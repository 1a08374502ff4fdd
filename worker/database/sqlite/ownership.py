"""Whose a database file is: what one user makes beside it locks another one out."""

import os
import pwd
import stat
from pathlib import Path

from worker.commands import quoted, quoted_path
from worker.errors import DatabaseUnfit


def require_owner(path: Path, found: os.stat_result, mode: int) -> None:
    """Return where the database file is ours to use; root uses its own only.

    Raises:
        DatabaseUnfit: it belongs to another user.
    """
    us, owner = os.geteuid(), found.st_uid
    if owner == us or (us != 0 and _is_shared(found, mode)):
        return
    if owner == 0:
        hint = f"give it to the worker's user: `chown {quoted(_name(us))} {quoted_path(path)}`, as root"
    else:
        hint = f"run this as {_name(owner)}; where systemd runs the worker, by deploy/envoy-worker"
    raise DatabaseUnfit(
        f"the database file {path} belongs to {_user(owner)}, and this is {_user(us)}", hint=hint
    )


def require_owner_of_side(side: Path, found: os.stat_result, mode: int) -> None:
    """Return where a file beside the database does not keep us from using it.

    Raises:
        DatabaseUnfit: it belongs to another user.
    """
    if found.st_uid == os.geteuid() or _is_shared(found, mode):
        return
    raise DatabaseUnfit(
        f"{side} belongs to {_user(found.st_uid)}, and this is {_user(os.geteuid())}",
        hint=f"end what runs as {_name(found.st_uid)} on this database, then, as root,"
        f" `chown {quoted(_name(os.geteuid()))} {quoted_path(side)}`",
    )


def _is_shared(found: os.stat_result, mode: int) -> bool:
    """Return whether a file is shared with a group of ours, as *mode* wants it."""
    shared = bool(stat.S_IWGRP & found.st_mode & mode)
    return shared and found.st_gid in {os.getegid(), *os.getgroups()}


def _user(uid: int) -> str:
    name = _name(uid)
    return f"uid {uid}" if name == str(uid) else f"{name} (uid {uid})"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # containers run as users that nobody named
        return str(uid)
