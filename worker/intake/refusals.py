"""Say which field a database's constraint is about; the driver's own text may quote the row."""

import re

import sqlalchemy as sa

from worker.errors import InputError
from worker.intake.rows import FIELDS

CONSTRAINT = re.compile(r"CHECK constraint failed: (\w+)")


def refusal_of(error: sa.exc.DBAPIError) -> InputError:
    """Return the error of the field that the constraint's name starts with."""
    diagnosis = getattr(error.orig, "diag", None)
    match = CONSTRAINT.search(str(error.orig)) if diagnosis is None else None
    name = getattr(diagnosis, "constraint_name", None) or (match[1] if match else "")
    rule = name.removeprefix("invite_")
    field = next((field for field in sorted(FIELDS, key=len, reverse=True) if rule.startswith(field)), "")
    if rule.startswith("departure"):
        field = "expected_departure_at"
    return InputError(
        field, f"was refused by the database ({name or 'its rules'})", code="refused_by_database"
    )
