"""Whose grant it is, through a push and the sandbox's real HTTP."""

from tests.integration.delivery.world import World
from tests.waiting import wait_until
from worker.connections.states import HoldReason
from worker.errors import ExitCode
from worker.sandbox import Faults


def test_nothing_is_sent_with_another_companys_grant(world: World) -> None:
    """The refresh before the push names another company: held, and only a consent goes on."""
    world.add()
    world.sandbox.expire_access_tokens()
    world.execute("UPDATE connection SET access_expires_at = refreshed_at")
    world.sandbox.set_faults(Faults(refresh_company="20000"))

    reports = [world.push(), world.push()]

    (row,) = world.rows("SELECT * FROM connection")
    assert [report.troubles for report in reports] == [{ExitCode.NEEDS_AUTHORISATION}] * 2
    assert (row["hold_reason"], row["company_id"], row["token_version"]) == (
        HoldReason.OTHER_COMPANY, "10000", 2,
    )  # fmt: skip
    assert world.sandbox.ledger()["attempts"] == []

    world.sandbox.set_faults(Faults())
    world.connect()
    world.push()

    assert world.delivery()["status"] == "sent"
    assert len(world.sandbox.ledger()["creates"]) == 1


def test_a_refresh_without_a_token_type_or_a_company_loses_nothing(world: World) -> None:
    """The new pair is stored and used."""
    world.add()
    world.execute("UPDATE connection SET access_expires_at = refreshed_at")
    world.sandbox.set_faults(Faults(token_type="absent", token_company="absent"))

    world.push()

    assert world.delivery()["status"] == "sent"
    assert world.sandbox.ledger()["refreshes"] == 1


def test_a_refresh_that_envoy_carries_out_late_is_a_lost_rotation(world: World) -> None:
    """The second post was answered; then the first one spent the token again, and ended the grant."""
    world.add()
    world.execute("UPDATE connection SET access_expires_at = refreshed_at")
    world.sandbox.set_faults(Faults(token_late=1, token_late_seconds=1.0))
    world.push()
    wait_until(lambda: world.sandbox.ledger()["families_killed"] == 1)
    world.add("v-2")

    world.push()

    (row,) = world.rows("SELECT * FROM connection")
    assert (row["status"], row["status_reason"]) == ("needs_authorisation", "lost_rotation")
    assert (world.delivery()["status"], world.delivery("v-2")["status"]) == ("sent", "pending")
