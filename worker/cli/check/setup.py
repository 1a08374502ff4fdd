"""Check what the operator wrote: settings, secrets, jobs, and whose files they are."""

from collections.abc import Iterator

from worker.cli.check import access
from worker.cli.check.findings import Finding, attempt, failures, ok
from worker.context import Context
from worker.errors import SettingsError
from worker.runs import resolve_all
from worker.settings import Secrets, environment, load_settings
from worker.settings import secrets as names

NEEDED = (names.CLIENT_ID, names.CLIENT_SECRET, names.ENCRYPTION_KEYS)


class Setup:
    """The settings of this directory and environment; ``context`` is None if they cannot be used."""

    def __init__(self) -> None:
        """Read nothing yet."""
        self.context: Context | None = None

    def findings(self) -> Iterator[Finding]:
        """Yield every mistake of the settings, each secret that is missing, each job that does not fit."""
        try:
            env = environment()
        except SettingsError as error:
            yield from failures(error)
            return
        with attempt() as read:
            settings = load_settings(env)
        yield from read.found or [ok("settings: every key is known, every value fits")]
        secrets = Secrets(env)
        yield from _secrets(secrets)
        if read.error is None:
            self.context = Context(settings, secrets, env, access="read")
            yield from _jobs(self.context)
            yield from access.findings(self.context, env)
        with attempt() as known:
            secrets.values()
        if known.error is not None:  # what is not known cannot be kept out of events
            self.context = None
            yield from known.found


def _secrets(secrets: Secrets) -> Iterator[Finding]:
    for name in NEEDED:
        with attempt() as found:
            secrets.get(name)
        yield from found.found or [ok(f"secret {name}: set")]


def _jobs(context: Context) -> Iterator[Finding]:
    with attempt() as found:
        resolve_all(context.settings.jobs)
    yield from found.found or [ok(f"jobs: {', '.join(context.settings.jobs)}")]
