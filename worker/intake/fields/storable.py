"""What a caller says is stored as it was said, or refused: the database may lack a letter."""

from worker.database.postgresql import texts
from worker.intake.problems import InputErrors
from worker.intake.rows import NewInvite


def require_storable(invite: NewInvite, codec: str | None) -> None:
    """Do nothing where a database of that codec can hold every text of the visit.

    Raises:
        InputErrors: some have letters that it lacks.
    """
    if codec is not None and (errors := texts.lacking(invite.changes(), codec)):
        raise InputErrors(errors)
