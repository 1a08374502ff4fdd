"""The file to begin with."""

import io
from datetime import UTC, date, datetime, timedelta

import pytest

from worker.intake import FIELDS, parse
from worker.intake.files.readers import read_rows
from worker.intake.files.template import as_csv, as_json_lines

TODAY = date(2026, 12, 28)


@pytest.mark.parametrize(("written", "name"), [(as_csv, "t.csv"), (as_json_lines, "t.jsonl")])
def test_both_visits_can_be_read_and_lie_ahead(written: object, name: str) -> None:
    """As CSV and as JSON Lines they are the same visits, with times that any location understands."""
    assert callable(written)
    rows = list(read_rows(io.BytesIO(written(TODAY).encode()), name))

    visits = [parse(row.values) for row in rows]

    assert [visit.external_id for visit in visits] == ["example-1", "example-2"]
    assert [visit.custom_fields for visit in visits] == [{"Purpose of visit": "Interview"}, None]
    assert all(visit.expected_arrival_at > datetime(2027, 1, 1, tzinfo=UTC) for visit in visits)
    assert all(
        visit.expected_arrival_at - datetime(2026, 12, 28, tzinfo=UTC) < timedelta(days=8) for visit in visits
    )


def test_the_header_has_every_column_of_the_caller() -> None:
    """Anyone who fills it in has nothing to look up."""
    assert as_csv(TODAY).splitlines()[0] == ",".join(FIELDS)
