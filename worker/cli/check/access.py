"""Check who else may write what the worker believes, and who else may read what is secret."""

import itertools
import re
import stat
import sys
from collections.abc import Iterable, Iterator, Mapping
from contextlib import suppress
from pathlib import Path

import sqlalchemy as sa

from worker.cli.check.findings import Finding, warn
from worker.commands import quoted_path
from worker.context import Context
from worker.database.sqlite.files import MAGIC, SIDE_FILES
from worker.errors import WorkerError
from worker.settings import secrets as names
from worker.settings.loading import DEFAULT_FILE, DOT_ENV, FILE_VARIABLE
from worker.settings.plain import NotPlain, open_plain, require_plain
from worker.settings.trust import OVERRIDE, is_overridden, steps

SECRETS = (names.CLIENT_ID, names.CLIENT_SECRET, names.ENCRYPTION_KEYS, names.DATABASE_URL)
DUMP = b"PGDMP"  # how a dump of pg_dump begins, but for a plain one
COPY = re.compile(r"\.(dump|bak|backup)\b|\.sql\.\w+$|\.db\.\w+$", re.IGNORECASE)
MOST_FILES = 1000  # of a folder that are looked at for copies


def findings(context: Context, env: Mapping[str, str]) -> Iterator[Finding]:
    """Yield a warning for each file that others than the worker's user can write or read."""
    settings = Path(env.get(FILE_VARIABLE, DEFAULT_FILE))
    keys = [found[0] for name in SECRETS if not env.get(name) and (found := context.secrets.file(name))]
    yield from _overridden()
    yield from _writable([settings, Path(DOT_ENV), *keys, *_job_files(context)])
    private = [Path(DOT_ENV), *keys]
    if _has_password(context.settings.database.url):
        private.append(settings)
    yield from _readable(private, "holds secrets")
    yield from _data(context)


def _overridden() -> Iterator[Finding]:
    if is_overridden():
        yield warn(
            f"{OVERRIDE}=1: files are used no matter who wrote them",
            "unset it where all belong to root or to the worker's user",
        )


def _job_files(context: Context) -> Iterator[Path]:
    for job in context.settings.jobs.values():
        module = sys.modules.get(job.run.partition(":")[0])
        if module is not None and module.__file__:
            yield Path(module.__file__)


def _writable(files: Iterable[Path]) -> Iterator[Finding]:
    found: dict[Path, None] = {}
    for file in files:
        with suppress(OSError):
            found |= dict.fromkeys(
                step.path for step in steps(file) if step.may_write(stat.S_IWGRP) and not step.is_sticky
            )
    if found:
        yield warn(
            f"a group may write what is believed: {', '.join(map(str, found))}",
            "chmod g-w, unless each of its members may read every token and run code as the worker",
        )


def _readable(files: Iterable[Path], why: str) -> Iterator[Finding]:
    for file in files:
        with suppress(OSError):
            if file.stat().st_mode & stat.S_IROTH:
                yield warn(f"{file}: {why}, and everybody may read it", f"chmod 0600 {quoted_path(file)}")


def _data(context: Context) -> Iterator[Finding]:
    """Yield the database's files, and copies of it beside them or here, that everybody may read."""
    folders = {Path.cwd()}
    own: set[Path] = set()
    with suppress(WorkerError, sa.exc.ArgumentError):
        url = sa.make_url(context.secrets.find(names.DATABASE_URL) or context.settings.database.url)
        if url.get_backend_name() == "sqlite" and url.database:
            path = Path(url.database).absolute()
            own = {path, *(path.with_name(path.name + end) for end in SIDE_FILES)}
            folders.add(path.parent)
    yield from _readable(sorted(own), "holds visitors' data")
    copies = {file for folder in folders for file in _copies(folder)} - own
    yield from _readable(sorted(copies), "looks like a copy of a database")


def _copies(folder: Path) -> Iterator[Path]:
    with suppress(OSError):
        for file in itertools.islice(folder.iterdir(), MOST_FILES):
            if file.is_file() and (COPY.search(file.name) or _head(file).startswith((MAGIC, DUMP))):
                yield file


def _head(file: Path) -> bytes:
    """Return how a file begins; nothing of what is none, or cannot be read."""
    with suppress(OSError, NotPlain):
        require_plain(file.lstat(), most=sys.maxsize)
        with open(open_plain(file, most=sys.maxsize), "rb") as opened:  # noqa: PTH123 -- a descriptor
            return opened.read(len(MAGIC))
    return b""


def _has_password(url: str) -> bool:
    with suppress(sa.exc.ArgumentError):
        return bool(sa.make_url(url).password)
    return False
