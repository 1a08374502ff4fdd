"""The situations that are searched whole, and the guards that they show to be needed."""

from tests.delivery_model.scope import Scope
from tests.delivery_model.state import Budget

# Each is complete: there is no state beyond what is seen.
QUICK = {
    "change_lease_loss": Scope(Budget(changes=1, leases=1, losses=1)),
    "change_lease_crash": Scope(Budget(changes=1, leases=1, crashes=1)),
    "person_lease_loss": Scope(Budget(persons=1, leases=1, losses=1)),
    "person_without_looks": Scope(Budget(changes=1, losses=1, persons=1), looks=0),
    "two_losses": Scope(Budget(leases=1, losses=2)),
    "two_looks": Scope(Budget(leases=1, losses=1), looks=2),
    "twins_loss": Scope(Budget(losses=1), rows=2),
    "twins_lease": Scope(Budget(leases=1), rows=2),
}
DEEP = {
    "everything_once": Scope(Budget(changes=1, leases=1, losses=1, crashes=1)),
    "two_changes": Scope(Budget(changes=2, leases=1, losses=1)),
    "change_person": Scope(Budget(changes=1, leases=1, losses=1, persons=1)),
    "change_two_looks": Scope(Budget(changes=1, leases=1, losses=1, crashes=1), looks=2),
    "two_leases": Scope(Budget(changes=1, leases=2, losses=1)),
    "twins_change_lease": Scope(Budget(changes=1, leases=1), rows=2),
    "twins_crash": Scope(Budget(leases=1, losses=1, crashes=1), rows=2),
    "twins_change_loss": Scope(Budget(changes=1, leases=1, losses=1), rows=2),
    "twins_person": Scope(Budget(leases=1, losses=1, persons=1), rows=2),
}

# Without the guard, something goes wrong in that situation.
NEEDED = {
    "planned_id": "change_lease_loss",
    "twin": "twins_loss",
    "settle_token": "change_lease_loss",
    "settle_id": "change_lease_loss",
    "doubt_first": "change_lease_loss",
    "look_as_seen": "change_lease_loss",
    "resolve_token": "person_lease_loss",
    "lease_time": "change_lease_loss",
    "ids_of_others": "twins_loss",
    "stale_ids_count": "change_lease_loss",
    "older_content": "change_lease_loss",
    "both_told": "change_lease_loss",
    "rolled_back": "twins_loss",
}
# Without these nothing was found: each of the others stands in for it, or it saves a call.
NOT_FOUND = {
    "planned_status": "what is not pending has another token, or was finished by the same plan",
    "planned_revision": "the older content is sent, and then the newer",
    "planned_token": "of the same revision and id, the plan would be the same",
    "settle_awaiting": "its own verdict repeats what is known, or brings a doubt that a look ends",
    "give_up_token": "a doubt too many, which a look ends",
}
