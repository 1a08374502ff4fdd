"""A place for invites for each test, on a database of each kind."""

import pytest

from tests.integration.invites.stored_invites import StoredInvites
from worker.database import Database


@pytest.fixture
def stored_invites(database: Database) -> StoredInvites:
    """Give a database without invites."""
    return StoredInvites(database)
