"""The demo's sample file, with days that lie ahead whenever the demo runs.

Broken on purpose: an e-mail address without @ and a departure before its arrival, which the import
reports, and a misspelt location, which is found out when the visit is pushed.
"""

import re
from datetime import date, timedelta
from pathlib import Path

VISITS = 25
BAD_LINES = 2
UNKNOWN_LOCATIONS = 1

# What a caller does to two of them later.
CHANGES = (
    """UPDATE invite SET expected_arrival_at = datetime(expected_arrival_at, '+30 minutes') || 'Z'
     WHERE external_id = 'visit-1002'""",
    """UPDATE invite SET wanted = 'absent'
     WHERE external_id = 'visit-1005'""",
)

TEMPLATE = Path(__file__).with_name("visits.csv")
DAY = re.compile(r"\{day\+(\d+)\}")


def write_visits(path: Path, today: date) -> None:
    """Write the sample file; every ``{day+N}`` of the template becomes the day N days after *today*."""
    template = TEMPLATE.read_text(encoding="utf-8")
    path.write_text(DAY.sub(lambda match: _day(today, int(match[1])), template), encoding="utf-8")


def _day(today: date, days_ahead: int) -> str:
    return (today + timedelta(days=days_ahead)).isoformat()
