"""A refresh that fails for more than its customer's sake, met by the lane that waits for it."""

import pytest
from sqlalchemy.exc import IntegrityError

from tests.integration.delivery.world import World
from worker.errors import ChangeRefused

FORBIDDEN_ON_SQLITE = """
CREATE TRIGGER no_lease BEFORE UPDATE OF lease_owner ON connection
BEGIN SELECT RAISE(ABORT, 'not here'); END
"""
FORBIDDEN_ON_POSTGRESQL = """
DO LANGUAGE plpgsql $do$
BEGIN
    CREATE FUNCTION no_lease() RETURNS trigger LANGUAGE plpgsql
    AS $$ BEGIN RAISE EXCEPTION 'not here'; END $$;
    CREATE TRIGGER no_lease BEFORE UPDATE OF lease_owner ON connection
    FOR EACH ROW EXECUTE FUNCTION no_lease();
END
$do$
"""


def test_a_refresh_that_the_database_refuses_ends_the_run(world: World) -> None:
    """No token comes of it, and no cool-down: the lane would begin the next one at once, without an end."""
    world.connect()
    world.add()
    world.execute("UPDATE connection SET access_expires_at = created_at")
    world.execute(FORBIDDEN_ON_SQLITE if world.parts.database.is_sqlite else FORBIDDEN_ON_POSTGRESQL)

    with pytest.raises((ChangeRefused, IntegrityError)):
        world.push()

    assert world.delivery()["status"] == "pending"
