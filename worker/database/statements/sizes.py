"""How long stored values are, told by the database before they are loaded.

What a caller stored may be of any length, and one process holds the values of many rows at once.
"""

from collections.abc import Callable, Iterable, Iterator
from typing import Any, TypeVar

import sqlalchemy as sa
from sqlalchemy.ext.compiler import compiles
from sqlalchemy.sql.functions import FunctionElement

# Fifty custom fields of the longest labels and values, each letter as two escapes of JSON, and some more.
# The triggers of revision 0008 have the same number.
MOST_BYTES = 400_000
LIGHT_BYTES = 4_000  # what is shorter is loaded without another look

_Row = TypeVar("_Row")


class byte_length(FunctionElement[int]):  # noqa: N801 -- it stands in a statement like a function
    """How many bytes a stored text, or JSON as text, has; NULL for NULL."""

    type = sa.Integer()
    inherit_cache = True


@compiles(byte_length, "sqlite")
def _on_sqlite(element: byte_length, compiler: Any, **options: Any) -> str:  # noqa: ANN401
    return f"length(CAST({compiler.process(element.clauses, **options)} AS BLOB))"


@compiles(byte_length, "postgresql")
def _on_postgresql(element: byte_length, compiler: Any, **options: Any) -> str:  # noqa: ANN401
    return f"octet_length(CAST({compiler.process(element.clauses, **options)} AS TEXT))"


def first_bytes(rows: Iterable[_Row], size_of: Callable[[_Row], int], most: int) -> Iterator[_Row]:
    """Yield rows until they have more than *most* bytes together; at least one."""
    left = most
    for number, row in enumerate(rows):
        left -= size_of(row)
        if left < 0 and number:
            return
        yield row
