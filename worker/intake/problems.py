"""What can be wrong with what a caller hands in: a field, a row, a whole file."""

from collections.abc import Sequence
from dataclasses import dataclass
from types import TracebackType

from worker.addresses import without_addresses
from worker.errors import InputError


class InputErrors(InputError):
    """Everything that is wrong with one row; ``errors`` holds one error for each field."""

    def __init__(self, errors: Sequence[InputError]) -> None:
        """Take at least one error."""
        first = errors[0]
        super().__init__(
            first.field,
            "; ".join(f"{error.field}: {error}" if error.field else str(error) for error in errors),
            code=first.code,
            hint=first.hint,
        )
        self.errors = list(errors)


class Collector:
    """Keeps the input errors of the blocks it guards, so that a caller learns of all of them at once."""

    def __init__(self) -> None:
        self.errors: list[InputError] = []

    def __enter__(self) -> None:
        """Guard a block: an input error ends the block, and nothing else."""

    def __exit__(
        self, _kind: type[BaseException] | None, error: BaseException | None, _trace: TracebackType | None
    ) -> bool:
        if isinstance(error, InputError):
            self.errors.append(error)
        return isinstance(error, InputError)

    def raise_any(self) -> None:
        """Raise what was collected.

        Raises:
            InputErrors: there was something.
        """
        if self.errors:
            raise InputErrors(self.errors)


class FileRefused(InputError):
    """The file as a whole cannot be read; nothing of it was imported."""

    def __init__(self, name: str, line: int, message: str, *, field: str = "") -> None:
        """Make ``FILE:LINE: COLUMN: MESSAGE`` the error's text; a file may be named after a visitor."""
        where = f"{field}: " if field else ""
        super().__init__(field, f"{without_addresses(name)}:{line}: {where}{message}", code="file_refused")


PROBLEM = "problem"  # the column of a file of rejected lines that says why; ignored when read


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing to correct in a file; to be shown as ``FILE:LINE: COLUMN: MESSAGE``."""

    line: int
    column: str | None
    message: str
    code: str = "invalid"


def problems_of(line: int, error: InputError) -> list[Problem]:
    """Return what is to be corrected, one problem for each field."""
    errors = error.errors if isinstance(error, InputErrors) else [error]
    return [
        Problem(line, one.field or None, f"{one}; {one.hint}" if one.hint else str(one), one.code)
        for one in errors
    ]
