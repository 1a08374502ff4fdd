"""Insert what may be there already, as each database says it."""

from typing import TYPE_CHECKING, TypeAlias

import sqlalchemy as sa

if TYPE_CHECKING:
    from sqlalchemy.dialects import postgresql, sqlite

    Insert: TypeAlias = postgresql.Insert | sqlite.Insert


def insert(table: sa.Table, dialect: sa.Dialect) -> "Insert":
    """Return an INSERT that knows ON CONFLICT; only the dialect that is used is loaded."""
    if dialect.name == "postgresql":
        from sqlalchemy.dialects import postgresql

        return postgresql.insert(table)
    from sqlalchemy.dialects import sqlite

    return sqlite.insert(table)
