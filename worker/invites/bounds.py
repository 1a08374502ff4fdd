"""How long a caller's texts may be, in letters: as the table's own checks have it.

A row may be older than a check, or have been written while checks were off; so it is looked at again
before it is sent, and of a text that is longer no more is loaded than shows that.
"""

from collections.abc import Mapping

import sqlalchemy as sa

from worker.errors import InputError

LONGEST: Mapping[str, int] = {
    "invitee_name": 255, "invitee_email": 320, "location": 255, "flow": 255, "host_employee_id": 64,
    "host_email": 320, "notes": 2000,
}  # fmt: skip


def cut(column: sa.ColumnElement[str], name: str) -> sa.ColumnElement[str]:
    """Return as much of a caller's text as shows that it is too long."""
    return sa.func.substr(column, 1, LONGEST[name] + 1)


def require_bounded(row: object) -> None:
    """Return where every text of a row is as long as it may be.

    Raises:
        InputError: ``too_long``.
    """
    for name, longest in LONGEST.items():
        if len(getattr(row, name) or "") > longest:
            raise InputError(name, f"{name} has more than {longest:,} characters", code="too_long")
