"""What a caller says is stored as it was said, or refused: the database may lack a letter."""

from collections.abc import Iterator

from worker.database import texts
from worker.errors import InputError
from worker.intake.problems import InputErrors
from worker.intake.rows import NewInvite


def require_storable(invite: NewInvite, codec: str | None) -> None:
    """Do nothing where a database of that codec can hold every text of the visit.

    Raises:
        InputErrors: some have letters that it lacks.
    """
    if codec is None:
        return
    lacking = [
        name
        for name, value in invite.changes().items()
        if not all(texts.fits(text, codec) for text in _texts(value))
    ]
    if lacking:
        raise InputErrors([_lacks(name, codec) for name in lacking])


def _texts(value: object) -> Iterator[str]:
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict):
        for label, answer in value.items():
            yield from (label, answer)


def _lacks(name: str, codec: str) -> InputError:
    return InputError(
        name,
        f"has a letter that the database's encoding ({codec}) lacks",
        code="encoding",
        hint="write it in other letters, or use a database with the encoding UTF8",
    )
