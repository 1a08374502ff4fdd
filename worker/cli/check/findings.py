"""What a check finds: fine, a warning, or a failure with its exit code and what to do."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from worker.addresses import without_addresses
from worker.errors import ExitCode, SettingsError, WorkerError

OK, WARN, FAIL = "ok", "warn", "FAIL"


@dataclass(frozen=True, slots=True)
class Finding:
    """One line of ``check``; ``repair`` says what to do."""

    level: str
    text: str
    repair: str = ""
    code: ExitCode = ExitCode.DONE

    @property
    def line(self) -> str:
        """The finding as one line, which names nobody's e-mail address."""
        line = f"{self.level:<4} {self.text}" + (f" -- {self.repair}" if self.repair else "")
        return without_addresses(line)

    def as_data(self) -> dict[str, object]:
        """Return the finding for JSON."""
        level, code = self.level.lower(), int(self.code)
        text, repair = without_addresses(self.text), without_addresses(self.repair)
        return {"level": level, "text": text, "mend": repair, "exit_code": code}


def ok(text: str) -> Finding:
    """Return that something is as it should be."""
    return Finding(OK, text)


def warn(text: str, repair: str) -> Finding:
    """Return that something deserves a look; the exit code stays."""
    return Finding(WARN, text, repair)


def fail(text: str, repair: str, code: ExitCode) -> Finding:
    """Return that something is wrong."""
    return Finding(FAIL, text, repair, code)


def failures(error: WorkerError) -> list[Finding]:
    """Return an error's findings: one for each mistake that it knows of."""
    texts = error.problems if isinstance(error, SettingsError) else [str(error)]
    return [Finding(FAIL, text, error.hint, error.exit_code) for text in texts]


@dataclass(slots=True)
class Attempted:
    """What became of a guarded block."""

    error: WorkerError | None = None
    found: list[Finding] = field(default_factory=list)


@contextmanager
def attempt() -> Iterator[Attempted]:
    """Give an outcome to look at after the block; an error of ours ends the block only."""
    outcome = Attempted()
    try:
        yield outcome
    except WorkerError as error:
        outcome.error = error
        outcome.found = failures(error)
