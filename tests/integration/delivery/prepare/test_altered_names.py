"""Names that come back from Envoy in another form."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs import refresh_directory
from tests.integration.delivery.doubting import ARRIVAL, doubt, in_envoy, names, text_of
from tests.integration.delivery.world import World
from worker.delivery.reconcile.matching import CREATED_MARGIN
from worker.sandbox import Faults

COMPOSED, DECOMPOSED = "Z\u00fcrich", "Zu\u0308rich"
FORMS = ["decomposed", "entities", "trimmed", "upper"]  # in which a name is still known to be the same
GUEST = "Zo\u00eb  O'Neill & Co \U0001f600"


@pytest.fixture
def world(known_world: World) -> World:
    """Give a world whose customer lets us read invites, one of which is known to be there."""
    return known_world


def read_directory(world: World, **faults: Any) -> None:
    """Read locations and flows, as these faults have them."""
    world.sandbox.set_faults(Faults(**faults))
    refresh_directory.run(world.run_context(), max_age=0)
    world.sandbox.set_faults(Faults())


def test_a_place_is_the_same_in_whatever_form_its_name_is_shown(world: World) -> None:
    """Envoy decomposes it, or writes entities; the file has it composed: no row is rejected for it."""
    place = world.sandbox.add_location(f"{COMPOSED} R&D")["id"]
    world.sandbox.add_flow("Bewerber & G\u00e4ste", location_id=place)
    for form in ["", *FORMS]:
        read_directory(world, names_shown=form)
        for number, name in enumerate((COMPOSED, DECOMPOSED)):
            key = f"{form}-{number}"
            world.add(
                key, location=f"{name}  r&d", flow="Bewerber & g\u00c4ste", invitee_email=f"{key}@example.com"
            )

        assert (world.push().counts["sent"], form) == (2, form)


def test_of_two_names_that_differ_in_form_only_the_exact_one_is_meant(world: World) -> None:
    """Anyone who writes neither has to give an id."""
    ids = {name: world.sandbox.add_location(name)["id"] for name in (COMPOSED, DECOMPOSED)}
    read_directory(world)
    for name in ids:
        world.add(name, location=name)
    world.add("neither", location="Z\u00dcRICH")

    world.push()

    told = {one["invitee"]["name"]: one["locationId"] for one in world.sandbox.invites()}
    assert {name: told[f"Visitor {name}"] for name in ids} == ids
    assert world.delivery("neither")["error_code"] == "location_ambiguous"


@pytest.mark.parametrize("email", ["guest@example.com", None])
def test_a_guest_is_found_in_whatever_form_the_name_is_shown(world: World, email: str | None) -> None:
    """With an e-mail and without."""
    for form in FORMS:
        doubt(world, "drop_after_share", external_id=form, invitee_name=GUEST, invitee_email=email)
        world.sandbox.set_faults(Faults(names_shown=form))
        world.make_looks_due()

        assert (world.reconcile().counts["sent"], form) == (1, form)

    assert len(names(world)) == len(FORMS)


def test_a_name_alone_proves_no_absence(world: World) -> None:
    """The guest without an e-mail came back without the emoji: a person looks, nobody is invited twice."""
    doubt(world, "drop_after_share", invitee_name=GUEST)
    world.sandbox.set_faults(Faults(names_shown="without_emoji"))

    assert world.look_to_the_end()["unknown"] == 1
    world.push()

    delivery = world.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("unknown", "look_up_near")
    assert delivery["error_detail"] == f"in Envoy: {world.sandbox.invites()[-1]['id']}"
    assert names(world) == [GUEST]


@pytest.mark.parametrize(
    ("ours", "theirs", "status"),
    [
        (None, {"name": "Somebody", "email": "other@example.com"}, "unknown"),
        ("ann@example.com", {"name": "Somebody", "email": "other@example.com"}, "pending"),
    ],
)
def test_what_nobody_owns_and_came_since_is_near_unless_email_and_name_both_differ(
    world: World, ours: str | None, theirs: dict[str, str], status: str
) -> None:
    """At the same place and minute it may be ours, in a form that cannot be told."""
    doubt(world, "drop_before_share", invitee_email=ours)
    in_envoy(world, invitee=theirs)

    world.look_to_the_end()

    assert world.delivery()["status"] == status


def test_what_was_there_before_the_attempt_is_not_near(world: World) -> None:
    """By Envoy's clock, and by more than the clocks may differ; nor is what another row of ours has."""
    world.add("other", expected_arrival_at=ARRIVAL.isoformat(), invitee_name="Another row's")
    world.push()
    doubt(world, "drop_before_share")
    in_envoy(world, invitee={"name": "Somebody"})
    begun = text_of(datetime.now(UTC) + CREATED_MARGIN + timedelta(minutes=1))
    this = "id = (SELECT attempt_id FROM delivery WHERE external_id = 'v-1')"
    world.execute(f"UPDATE attempt SET started_at = :begun, boot_seconds = NULL WHERE {this}", begun=begun)  # noqa: S608

    assert world.look_to_the_end()["pending"] == 1
