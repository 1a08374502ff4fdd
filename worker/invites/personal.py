"""What of an invite is personal, and what stands in its place once its time is over."""

CLEARED_NAME = "(cleared)"  # a name must not be empty
# The caller's columns that are cleared; all others say nothing of a person.
PERSONAL = (
    "invitee_name", "invitee_email", "host_employee_id", "host_email", "notes", "custom_fields",
)  # fmt: skip


def is_cleared(invitee_name: str) -> bool:
    """Return whether a row of that name lacks its visitor: it must never be sent as it is."""
    return invitee_name.strip() == CLEARED_NAME
