"""After a restore the database does not know what was sent since: each create is looked up first."""

from typing import Any

import pytest
from structlog.testing import capture_logs

from tests.integration.delivery.doubting import ARRIVAL, WITHOUT_READING, doubt, in_envoy
from tests.integration.delivery.restoring import forget, made, sent_since, settle, standing, there, waiting
from tests.integration.delivery.world import World
from worker.delivery.preview import preview
from worker.failpoints import armed
from worker.invites import moves, restored, store


@pytest.fixture
def world(known_world: World) -> World:
    """Give a world whose customer lets us read invites, one of which is known to be there."""
    return known_world


def creates(world: World) -> list[str]:
    """Return the ids of the requests to create that the worker's ledger has."""
    return sorted(line["id"] for line in world.attempts() if line["kind"] == "create")


def seen(world: World) -> list[str]:
    """Return the ids of the requests to create that Envoy saw."""
    return sorted(one["request_id"] for one in world.sandbox.ledger()["creates"])


def test_what_was_sent_since_the_backup_is_found(world: World) -> None:
    """It is in doubt without a request, looked up once, and sent under the id that Envoy gave it then."""
    sent_since(world)
    (envoys,) = there(world)
    world.begin_restored()

    report = world.push()
    assert report.counts["unknown"] == 1
    assert standing(world) == ("unknown", "restored")
    assert [line for line in world.attempts() if line["delivery_id"] == world.delivery()["id"]] == []

    world.make_looks_due()
    assert world.reconcile().counts["sent"] == 1
    world.push()

    assert standing(world) == ("sent", None)
    assert world.delivery()["envoy_invite_id"] == envoys["id"]
    assert made(world) == 1


def test_however_old_it_is(world: World) -> None:
    """What Envoy has may be older than anything the database knows: when it was made excludes nothing."""
    sent_since(world)
    world.execute("UPDATE invite SET created_at = '2099-01-01T00:00:00.000Z' WHERE external_id = 'v-1'")
    world.begin_restored()
    world.push()
    world.execute("UPDATE delivery SET unknown_since = '2099-01-01T00:00:00.000Z' WHERE status = 'unknown'")

    world.look_to_the_end()
    world.push()

    assert (standing(world), made(world)) == (("sent", None), 1)


def test_what_it_is_found_as_is_made_what_the_row_says(world: World) -> None:
    """It was changed since the backup, and that is lost: all of the row is sent, and no second mail."""
    sent_since(world, notes="old", send_email=True, invitee_email="v@example.com")
    (envoys,) = there(world)
    token, newer = world.context.tokens.access(1).value, {"notes": "newer", "sendEmailToInvitee": False}
    world.context.api.update_invite(token, envoys["id"], newer, request_id="since")
    world.begin_restored()

    settle(world)

    (envoys,) = there(world)
    assert (envoys["notes"], standing(world)[0], made(world)) == ("old", "sent", 1)
    assert [mail["name"] for mail in world.sandbox.ledger()["mails"]] == ["Visitor v-1"]


def test_what_was_not_sent_is_created_after_the_last_look(world: World) -> None:
    """Only the whole schedule of looks proves it; and each request has its line of the ledger."""
    waiting(world)
    world.begin_restored()
    world.push()
    looks = len(world.context.settings.reconcile.look_up_after)
    for _ in range(looks):
        assert standing(world)[0] == "unknown"
        assert world.push().counts["sent"] == 0
        world.make_looks_due()
        world.reconcile()
    assert standing(world) == ("pending", None)

    assert world.push().counts["sent"] == 1

    assert (standing(world), made(world)) == (("sent", None), 1)
    assert creates(world) == seen(world)


def test_what_is_fed_after_the_restore_is_looked_up_too(world: World) -> None:
    """The caller feeds again what the backup lacks: Envoy has it."""
    sent_since(world)
    forget(world)
    world.execute("DELETE FROM invite WHERE external_id = 'v-1'")
    world.begin_restored()
    waiting(world)
    waiting(world, "v-2")

    settle(world)

    assert [(standing(world, key), made(world, key)) for key in ("v-1", "v-2")] == [(("sent", None), 1)] * 2


def test_another_visit_than_was_looked_for_is_looked_up_again(world: World) -> None:
    """The caller changes the name after the last look: of that visit nothing was seen yet."""
    sent_since(world, "v-2", invitee_email="v-2@example.com")
    by_mistake = "invitee_name = 'Visitor v-1', invitee_email = 'v-1@example.com'"
    world.execute(f"UPDATE invite SET {by_mistake} WHERE external_id = 'v-2'")  # noqa: S608
    world.begin_restored()
    world.push()
    world.look_to_the_end()
    assert standing(world, "v-2")[0] == "pending"

    right = "invitee_name = 'Visitor v-2', invitee_email = 'v-2@example.com'"
    world.execute(f"UPDATE invite SET {right} WHERE external_id = 'v-2'")  # noqa: S608
    assert world.push().counts["unknown"] == 1
    settle(world)

    assert (standing(world, "v-2"), made(world, "v-2")) == (("sent", None), 1)


def test_a_change_of_the_notes_alone_needs_no_other_look(world: World) -> None:
    """It is the same visit."""
    waiting(world, notes="a")
    world.begin_restored()
    world.push()
    world.look_to_the_end()

    world.execute("UPDATE invite SET notes = 'b' WHERE external_id = 'v-1'")

    assert world.push().counts["sent"] == 1


def test_what_is_not_wanted_any_more_is_looked_up_and_removed(world: World) -> None:
    """It was sent since the backup; without a look it would stay in Envoy."""
    sent_since(world)
    waiting(world, "v-2")
    world.begin_restored()
    world.execute("UPDATE invite SET wanted = 'absent' WHERE external_id IN ('v-1', 'v-2')")

    settle(world)

    assert [standing(world, key)[0] for key in ("v-1", "v-2")] == ["withdrawn"] * 2
    assert (there(world), made(world, "v-2")) == ([], 0)


def test_what_is_gone_in_envoy_is_looked_up_before_it_is_made_anew(recreating: World) -> None:
    """It was removed and made again since the backup: under another id it is there."""
    world = recreating
    world.add("known", expected_arrival_at=ARRIVAL.isoformat())
    waiting(world)
    world.push()
    world.sandbox.delete_invite(world.delivery()["envoy_invite_id"])
    again = in_envoy(world)
    world.begin_restored()
    world.execute("UPDATE invite SET notes = 'b' WHERE external_id = 'v-1'")

    settle(world)

    assert world.delivery()["envoy_invite_id"] == again
    assert [one["notes"] for one in there(world)] == ["b"]


def test_two_of_equal_content_take_one_each(world: World) -> None:
    """Both were sent since the backup: one is looked up at a time, and a person tells them apart."""
    for key in ("v-1", "v-2"):
        waiting(world, key, invitee_name="Twin")
    world.push()
    for key in ("v-1", "v-2"):
        forget(world, key)
    world.begin_restored()

    settle(world)

    assert sorted(standing(world, key)[0] for key in ("v-1", "v-2")) == ["pending", "unknown"]
    assert sum(one["name"] == "Twin" for one in world.sandbox.ledger()["creates"]) == 2


def test_nothing_that_was_planned_before_is_created(world: World) -> None:
    """The operator types it while a worker has a create in hand: its claim is refused."""
    sent_since(world)

    with armed("before_claim", action=world.begin_restored):
        world.push()
    assert made(world) == 1
    settle(world)

    assert (standing(world), made(world)) == (("sent", None), 1)


def test_a_backup_of_such_a_time_begins_anew(world: World) -> None:
    """What a look has seen was before the second restore: it is void."""
    waiting(world)
    world.begin_restored()
    world.push()
    world.look_to_the_end()
    in_envoy(world)  # as it was sent, after the backup

    again = world.begin_restored()
    settle(world)

    assert again.before is not None
    assert (standing(world), made(world)) == (("sent", None), 1)


def test_what_was_in_doubt_already_is_looked_up_from_the_first_look(world: World) -> None:
    """Three looks found nothing, then came the backup, a fourth look, and the create."""
    doubt(world, "drop_before_share")
    for _ in range(3):
        world.make_looks_due()
        world.reconcile()
    in_envoy(world)

    world.begin_restored()
    assert (standing(world)[0], world.delivery()["look_ups"]) == ("unknown", 0)
    settle(world)

    assert (standing(world), len(there(world))) == (("sent", None), 1)


def test_what_was_on_its_way_is_created_after_its_looks(world: World) -> None:
    """It is in doubt by its attempt, and its looks count for what was sent since as well."""
    doubt(world, "drop_before_share")
    world.begin_restored()

    settle(world)

    assert (standing(world), len(there(world))) == (("sent", None), 1)
    assert made(world) == 1


def test_what_was_being_sent_is_recovered_and_then_looked_up(world: World) -> None:
    """Its worker's intent is all that the backup has: it may have been sent, and changed since."""
    doubt(world, "drop_after_share", notes="a")
    world.execute(
        "UPDATE delivery SET status = 'sending', lease_owner = 'nobody', lease_until = created_at"
        " WHERE external_id = 'v-1'"
    )
    (envoys,) = there(world)
    token = world.context.tokens.access(1).value
    world.context.api.update_invite(token, envoys["id"], {"notes": "since"}, request_id="since")
    world.begin_restored()

    settle(world)

    assert (standing(world), made(world)) == (("sent", None), 1)
    assert [one["notes"] for one in there(world)] == ["a"]


def test_no_old_refresh_token_is_posted_whatever_envoy_answers(world: World) -> None:
    """Envoy takes the old access token no more: the customer must authorise again, and then all goes on."""
    sent_since(world)
    world.begin_restored()
    world.sandbox.expire_access_tokens()

    world.push()
    world.make_looks_due()
    world.reconcile()
    assert world.rows("SELECT status, status_reason FROM connection") == [
        {"status": "needs_authorisation", "status_reason": "restored"}
    ]
    assert world.sandbox.ledger()["refreshes"] == 0

    world.connect()
    settle(world)
    assert (standing(world), made(world)) == (("sent", None), 1)


def test_what_is_near_may_be_another_rows(world: World) -> None:
    """At the same place and minute is a visit that is fed again only later: it is waited for."""
    sent_since(world, "v-2")
    world.execute("DELETE FROM invite WHERE external_id = 'v-2'")
    waiting(world)
    world.begin_restored()
    world.push()
    world.look_to_the_end()
    assert standing(world) == ("unknown", "look_up_near")
    assert world.delivery()["next_attempt_at"] is not None

    waiting(world, "v-2")
    settle(world)

    assert [(standing(world, key), made(world, key)) for key in ("v-1", "v-2")] == [(("sent", None), 1)] * 2


def test_what_stays_near_is_for_a_person(world: World) -> None:
    """Somebody made it by hand, or nobody feeds it again: after ten looks more a person is asked."""
    in_envoy(world, invitee={"name": "Somebody"})
    waiting(world)
    world.begin_restored()
    world.push()

    for _ in range(4):
        world.look_to_the_end()

    assert standing(world) == ("unknown", "look_up_near")
    assert world.delivery()["next_attempt_at"] is None


def test_the_mode_can_end(world: World) -> None:
    """What is in doubt by then is looked up all the same; everything else is sent as ever."""
    sent_since(world)
    world.begin_restored()
    world.push()
    waiting(world, "v-2")

    left = restored.end(world.context.database)
    assert left == restored.Open(waiting=1, doubtful=1)
    assert world.push().counts["sent"] == 1
    world.look_to_the_end()
    world.push()

    assert [made(world, key) for key in ("v-1", "v-2")] == [1, 1]
    assert standing(world) == ("sent", None)
    assert restored.end(world.context.database) is None


def test_a_rehearsal_says_so(world: World) -> None:
    """Its fate is a look, by the database alone."""
    sent_since(world)
    world.begin_restored()

    (fate,) = preview(world.context.database, only=None, limit=None, longest_wait=900)

    assert (fate.external_id, fate.fate, fate.why) == ("v-1", "look_up", "restored")


def test_releases_that_do_not_know_the_mode_are_barred(world: World) -> None:
    """They would send in it; when it is over, they may be put back as before."""
    query = "SELECT revision FROM schema_compatibility ORDER BY revision"
    fit = world.rows(query)

    world.begin_restored()
    world.begin_restored()
    barred = world.rows(query)
    restored.end(world.context.database)

    let_in = {row["revision"] for row in fit}
    older = {revision for revision in let_in if revision < restored.FIRST_TO_KNOW}
    assert "0005" in older
    assert let_in & {row["revision"] for row in barred} == let_in - older
    assert world.rows(query) == fit


@pytest.fixture
def blind(make_world: Any) -> World:
    """Give a world whose customer does not let us read invites."""
    made_world: World = make_world()
    made_world.connect()
    return made_world


@pytest.mark.parametrize("sandbox_scopes", [WITHOUT_READING])
def test_without_the_right_to_look_a_person_does(blind: World) -> None:
    """Nothing is created before somebody has said what Envoy has; then it is, or is taken over."""
    sent_since(blind)
    waiting(blind, "v-2")
    (envoys,) = there(blind)
    blind.begin_restored()
    with capture_logs() as logs:
        blind.push()
        blind.push()
    told = [log for log in logs if log["event"] == "invite.unknown"]
    assert [(one["error_code"], one["log_level"]) for one in told] == [("restored", "error")] * 2
    assert "invites resolve acme/v-1" in told[0]["hint"]
    database = blind.context.database

    moves.resolve(database, store.require(database, "acme/v-1"), envoy_invite_id=envoys["id"])
    moves.resolve(database, store.require(database, "acme/v-2"), envoy_invite_id=None)
    blind.push()

    assert [(standing(blind, key), made(blind, key)) for key in ("v-1", "v-2")] == [(("sent", None), 1)] * 2
