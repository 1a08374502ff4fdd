"""Rows that were read, as their table's model."""

from typing import Any

from worker.connections.model import Host
from worker.database.statements.loaded import loaded


def test_a_loaded_row_is_what_it_would_be_if_it_had_been_constructed() -> None:
    """It has all values, and can be changed."""
    values: dict[str, Any] = dict.fromkeys(Host.model_fields) | {
        "name": "api.example",
        "hold_count": 2,
        "refused_count": 0,
    }

    row = loaded(Host, values)

    assert row.model_dump() == Host(**values).model_dump() == values
    row.hold_count = 3
    assert row.hold_count == 3
