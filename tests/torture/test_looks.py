"""Thousands of looks at strangers' text, through the commands, in this process."""

import itertools
import random
from collections import Counter
from pathlib import Path

import pytest

from tests.looking import look_at, seat
from tests.strangers import settle
from tests.torture.scale import SEED, scaled
from worker.database import Database

SCENES = scaled(1, 20)  # on each database
LOOKS_AT_A_DATABASE = scaled(10, 500)  # the integration tests have a strangers_database of their own


def test_nothing_that_strangers_write_acts(
    database: Database,
    database_url: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    counts: Counter[str],
) -> None:
    """Whatever stands in which column, however it is looked at."""
    seat(monkeypatch, database_url, tmp_path)
    chance = random.Random(SEED)  # noqa: S311 -- to be played again
    for _ in range(SCENES):
        strangers_database = settle(database, chance)
        for command in itertools.islice(strangers_database.commands(chance), LOOKS_AT_A_DATABASE):
            counts[look_at(command, chance, monkeypatch)] += 1
        strangers_database.clear(database)
    assert not list(tmp_path.glob("x"))
