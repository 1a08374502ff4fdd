"""A pgbouncer in transaction mode before a PostgreSQL server, from Debian's package."""

import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import psycopg
import pytest

PATIENCE_SECONDS = 20
NOBODY = "nobody"
CONFIGURATION = """\
[databases]
* = host={host} port={port} user={user}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = {listen}
unix_socket_dir =
auth_type = any
pool_mode = transaction
default_pool_size = {pool_size}
server_login_retry = 0.1
logfile = {folder}/log
"""


def require_installed() -> None:
    """Skip the test where there is no pgbouncer to run; CI must have one."""
    if _program() is None and os.environ.get("CI") != "true":
        pytest.skip("pgbouncer is missing: apt-get install pgbouncer")
    assert _program() is not None, "CI must install pgbouncer"


@contextmanager
def pgbouncer(server: str, *, pool_size: int = 5) -> Iterator[str]:
    """Give the pooler's URL, with the path and the options left out: ``postgresql://user@127.0.0.1:port``.

    *server* is the URL of any database of the server.
    """
    program = _program()
    assert program is not None
    host, port, user = _address(server)
    listen = _free_port()
    with tempfile.TemporaryDirectory(prefix="pgbouncer-") as folder:
        Path(folder).chmod(0o777)
        file = Path(folder) / "pgbouncer.ini"
        file.write_text(
            CONFIGURATION.format(
                host=host, port=port, user=user, listen=listen, folder=folder, pool_size=pool_size
            )
        )
        process = subprocess.Popen([program, "-q", *_as_user(host), str(file)], stderr=subprocess.DEVNULL)
        try:
            _wait_for(process, listen)
            yield f"postgresql://{user}@127.0.0.1:{listen}"
        finally:
            process.terminate()
            process.wait(PATIENCE_SECONDS)


def through(pooler: str, database_url: str) -> str:
    """Return the URL of the same database, by way of the pooler."""
    return f"{pooler}/{urlsplit(database_url).path.lstrip('/')}"


def _program() -> str | None:
    return shutil.which("pgbouncer", path=f"{os.environ.get('PATH', '')}:/usr/sbin")


def _address(server: str) -> tuple[str, int, str]:
    """Return the server's host, or the folder of its socket, its port, and the user."""
    parts = urlsplit(server)
    host = parse_qs(parts.query).get("host", [parts.hostname or "127.0.0.1"])[0]
    with psycopg.connect(server) as connection:
        return host, int(connection.info.port), connection.info.user


def _as_user(host: str) -> list[str]:
    """Return how to run as somebody who may use the server's socket; pgbouncer refuses to be root."""
    if os.geteuid() != 0:
        return []
    owner = Path(host).stat().st_uid if host.startswith("/") else 0
    return ["-u", pwd.getpwuid(owner).pw_name if owner else NOBODY]


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _wait_for(process: subprocess.Popen[bytes], port: int) -> None:
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while process.poll() is None and time.monotonic() < ends_at:
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.02)
    raise AssertionError("pgbouncer does not start")
