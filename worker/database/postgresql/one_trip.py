"""Several statements as one PostgreSQL transaction, all of them sent before an answer is awaited.

Each wait for an answer is a wait for the interpreter's lock as well, which is longer than the answer takes.
"""

from collections.abc import Mapping, Sequence
from typing import Any, TypeAlias

import psycopg
import sqlalchemy as sa

Statement: TypeAlias = tuple[str, Mapping[str, Any]]  # a statement as the driver takes it, and its values
Rows: TypeAlias = list[tuple[Any, ...]]


def in_one_trip(
    connection: sa.Connection, beginning: Sequence[str], calls: Sequence[Statement]
) -> list[Rows]:
    """Begin with the statements of *beginning*, make the calls, commit, and return the rows of each call.

    Raises:
        DBAPIError: as SQLAlchemy would; where the connection was lost, it may be committed all the same.
    """
    raw: Any = connection.connection.driver_connection
    try:
        with raw.pipeline():
            for statement in beginning:
                raw.execute(statement)
            cursors = [raw.execute(text, values) for text, values in calls]
            raw.execute("COMMIT")
        return [cursor.fetchall() for cursor in cursors]
    except psycopg.Error as error:
        # What it was to prepare behind the failure, the driver takes for prepared; the server never saw it.
        connection.invalidate()
        failure = sa.exc.DBAPIError.instance(
            None, None, error, psycopg.Error, hide_parameters=True, dialect=connection.dialect
        )
        raise failure from error
