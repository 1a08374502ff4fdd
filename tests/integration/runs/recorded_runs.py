"""A job whose counts a test names, and what is stored of its runs."""

from typing import Any

import sqlalchemy as sa

from worker.context import Context
from worker.report import Report
from worker.runs import RunContext


def rows(context: Context, table: str) -> list[dict[str, Any]]:
    """Return all rows of a table."""
    with context.database.read() as connection:
        return [dict(row) for row in connection.execute(sa.text(f"SELECT * FROM {table}")).mappings()]  # noqa: S608


def counting(**counts: int) -> Any:
    """Return a job function that reports *counts*."""

    def run(_context: RunContext) -> Report:
        report = Report()
        for name, number in counts.items():
            report.add(name, number)
        return report

    return run
