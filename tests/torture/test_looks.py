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

LOOKS = scaled(100, 10_000)  # on each database
LOOKS_AT_A_SCENE = 500


@pytest.mark.skipif(LOOKS < LOOKS_AT_A_SCENE, reason="so few are looked at by the integration tests")
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
    for _ in range(LOOKS // LOOKS_AT_A_SCENE):
        scene = settle(database, chance)
        for command in itertools.islice(scene.commands(chance), LOOKS_AT_A_SCENE):
            counts[look_at(command, chance, monkeypatch)] += 1
        scene.clear(database)
    assert not list(tmp_path.glob("x"))
