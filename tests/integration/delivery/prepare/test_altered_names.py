"""Names that come back from Envoy in another form."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from jobs import refresh_directory
from tests import worker_rows
from tests.integration.delivery.doubtful_creates import ARRIVAL, doubt, in_envoy, names, text_of
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.delivery.reconcile.matching import CREATED_MARGIN
from worker.sandbox import Faults

COMPOSED, DECOMPOSED = "Z\u00fcrich", "Zu\u0308rich"
FORMS = ["decomposed", "entities", "trimmed", "upper"]  # in which a name is still known to be the same
GUEST = "Zo\u00eb  O'Neill & Co \U0001f600"


@pytest.fixture
def worker(worker_with_invite: WorkerWithSandbox) -> WorkerWithSandbox:
    """Give a worker whose customer lets us read invites, one of which is known to be there."""
    return worker_with_invite


def read_directory(worker: WorkerWithSandbox, **faults: Any) -> None:
    """Read locations and flows, as these faults have them."""
    worker.sandbox.set_faults(Faults(**faults))
    refresh_directory.run(worker.run_context(), max_age=0)
    worker.sandbox.set_faults(Faults())


def test_a_place_is_the_same_in_whatever_form_its_name_is_shown(worker: WorkerWithSandbox) -> None:
    """Envoy decomposes it, or writes entities; the file has it composed: no row is rejected for it."""
    place = worker.sandbox.add_location(f"{COMPOSED} R&D")["id"]
    worker.sandbox.add_flow("Bewerber & G\u00e4ste", location_id=place)
    for form in ["", *FORMS]:
        read_directory(worker, names_shown=form)
        for number, name in enumerate((COMPOSED, DECOMPOSED)):
            key = f"{form}-{number}"
            worker.add(
                key, location=f"{name}  r&d", flow="Bewerber & g\u00c4ste", invitee_email=f"{key}@example.com"
            )

        assert (worker.push().counts["sent"], form) == (2, form)


def test_of_two_names_that_differ_in_form_only_the_exact_one_is_meant(worker: WorkerWithSandbox) -> None:
    """Anyone who writes neither has to give an id."""
    ids = {name: worker.sandbox.add_location(name)["id"] for name in (COMPOSED, DECOMPOSED)}
    read_directory(worker)
    for name in ids:
        worker.add(name, location=name)
    worker.add("neither", location="Z\u00dcRICH")

    worker.push()

    told = {one["invitee"]["name"]: one["locationId"] for one in worker.sandbox.invites()}
    assert {name: told[f"Visitor {name}"] for name in ids} == ids
    assert worker.delivery("neither")["error_code"] == "location_ambiguous"


@pytest.mark.parametrize("email", ["guest@example.com", None])
def test_a_guest_is_found_in_whatever_form_the_name_is_shown(
    worker: WorkerWithSandbox, email: str | None
) -> None:
    """With an e-mail and without."""
    for form in FORMS:
        doubt(worker, "drop_after_share", external_id=form, invitee_name=GUEST, invitee_email=email)
        worker.sandbox.set_faults(Faults(names_shown=form))
        worker.make_looks_due()

        assert (worker.reconcile().counts["sent"], form) == (1, form)

    assert len(names(worker)) == len(FORMS)


def test_a_name_alone_proves_no_absence(worker: WorkerWithSandbox) -> None:
    """The guest without an e-mail came back without the emoji: a person looks, nobody is invited twice."""
    doubt(worker, "drop_after_share", invitee_name=GUEST)
    worker.sandbox.set_faults(Faults(names_shown="without_emoji"))

    assert worker.look_to_the_end()["unknown"] == 1
    worker.push()

    delivery = worker.delivery()
    assert (delivery["status"], delivery["error_code"]) == ("unknown", "look_up_near")
    assert delivery["error_detail"] == f"in Envoy: {worker.sandbox.invites()[-1]['id']}"
    assert names(worker) == [GUEST]


@pytest.mark.parametrize(
    ("ours", "theirs", "status"),
    [
        (None, {"name": "Somebody", "email": "other@example.com"}, "unknown"),
        ("ann@example.com", {"name": "Somebody", "email": "other@example.com"}, "pending"),
    ],
)
def test_what_nobody_owns_and_came_since_is_near_unless_email_and_name_both_differ(
    worker: WorkerWithSandbox, ours: str | None, theirs: dict[str, str], status: str
) -> None:
    """At the same place and minute it may be ours, in a form that cannot be told."""
    doubt(worker, "drop_before_share", invitee_email=ours)
    in_envoy(worker, invitee=theirs)

    worker.look_to_the_end()

    assert worker.delivery()["status"] == status


def test_what_was_there_before_the_attempt_is_not_near(worker: WorkerWithSandbox) -> None:
    """By Envoy's clock, and by more than the clocks may differ; nor is what another row of ours has."""
    worker.add("other", expected_arrival_at=ARRIVAL.isoformat(), invitee_name="Another row's")
    worker.push()
    doubt(worker, "drop_before_share")
    in_envoy(worker, invitee={"name": "Somebody"})
    begun = text_of(datetime.now(UTC) + CREATED_MARGIN + timedelta(minutes=1))
    worker_rows.let_attempts_have_begun(worker, begun, "v-1")

    assert worker.look_to_the_end()["pending"] == 1
