"""A desk for each test, on a database of each kind."""

import pytest

from tests.integration.invites.desk import Desk
from worker.database import Database


@pytest.fixture
def desk(database: Database) -> Desk:
    """Give an empty desk."""
    return Desk(database)
