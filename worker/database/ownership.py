"""Whose a database file is: what one user makes beside it locks another one out."""

import os
import pwd
import stat
from pathlib import Path

from worker.errors import DatabaseUnfit


def require_owner(path: Path, found: os.stat_result, mode: int) -> None:
    """Return where the database file is ours to use.

    Raises:
        DatabaseUnfit: it belongs to another user.
    """
    if _is_ours(found, mode):
        return
    owner, us = _user(found.st_uid), _user(os.geteuid())
    if found.st_uid == 0:
        hint = f"give it to the worker's user: `chown {_name(os.geteuid())} {path}`, as root"
    else:
        hint = f"run this as {_name(found.st_uid)}; where systemd runs the worker, by deploy/envoy-worker"
    raise DatabaseUnfit(f"the database file {path} belongs to {owner}, and this is {us}", hint=hint)


def require_owner_of_side(side: Path, found: os.stat_result, mode: int) -> None:
    """Return where a file beside the database does not keep us from using it.

    Raises:
        DatabaseUnfit: it belongs to another user.
    """
    if _is_ours(found, mode):
        return
    raise DatabaseUnfit(
        f"{side} belongs to {_user(found.st_uid)}, and this is {_user(os.geteuid())}",
        hint=f"end what runs as {_name(found.st_uid)} on this database, then, as root,"
        f" `chown {_name(os.geteuid())} {side}`",
    )


def _is_ours(found: os.stat_result, mode: int) -> bool:
    """Say whether we own a file, or share it with our group, as *mode* wants it.

    Root shares nothing: what it made beside the file, no other user could write.
    """
    if found.st_uid == os.geteuid():
        return True
    shared = stat.S_IWGRP & found.st_mode & mode
    return bool(shared) and os.geteuid() != 0 and found.st_gid in {os.getegid(), *os.getgroups()}


def _user(uid: int) -> str:
    name = _name(uid)
    return f"uid {uid}" if name == str(uid) else f"{name} (uid {uid})"


def _name(uid: int) -> str:
    try:
        return pwd.getpwuid(uid).pw_name
    except KeyError:  # containers run as users that nobody named
        return str(uid)
