"""What stands for the fields of an invite in Envoy while it is not known what they are."""

from collections.abc import Collection
from typing import Any

# Stands for the value of a field while it is not known which one Envoy has; equal to no value.
IN_DOUBT = {"in_doubt": True}
# The same for the switch of the mail, once a request that asked for one may have been executed: what is
# repeated asks for none, for a mail to a visitor cannot be taken back.
MAYBE_MAILED = {"in_doubt": True, "mailed": True}
MAIL = "sendEmailToInvitee"
# What may have to be cleared; no flow means the one that Envoy chose, which is not ours to take away.
ALL_BUT_FLOW = (
    "expectedArrivalAt", "expectedDepartureAt", "locationId", "hostEmployeeId", "invitee", "notes",
    "sendEmailToInvitee", "customFields",
)  # fmt: skip


def found_after_restore(empty: Collection[str] = ()) -> dict[str, Any]:
    """Return what is known of an invite that was made after the backup: that its visitor had the mail.

    *empty* are fields that Envoy shows to be so, and that need not be cleared.
    """
    return {name: IN_DOUBT for name in ALL_BUT_FLOW if name not in empty} | {MAIL: MAYBE_MAILED}
