"""The schema's history.  Imports nothing of the worker; ``HEAD`` is the revision this release is made for.

Files:

contract_0005: What counts as a change, and what each status needs; part of revision 0005, and never changed
    again.
env: Alembic's entry: migrates over the connection, and with the metadata, that the caller hands in.
heal_0005: Make true of every delivery what revision 0005 holds; part of that revision, and never changed
    again.
invite_checks_0001: What the table ``invite`` refuses, by any writer; part of revision 0001, and never changed
    again.
"""

HEAD = "0010"
# The triggers of that revision, by database and table.  On PostgreSQL each must fire no matter who writes.
TRIGGERS: dict[str, dict[str, tuple[str, ...]]] = {
    "sqlite": {
        "invite": (
            "invite_numbered", "invite_inserted", "invite_moved", "invite_changed", "invite_retimed",
            "invite_deleted", "invite_sized", "invite_resized", "invite_announced", "invite_reannounced",
        ),
        "delivery": ("delivery_inserted", "delivery_changed"),
    },
    "postgresql": {
        "invite": (
            "invite_inserted", "invite_changing", "invite_changed", "invite_moved", "invite_deleted",
            "invite_truncating", "invite_sized",
        ),
        "delivery": ("delivery_truncating",),
        "attempt": ("attempt_truncating",),
    },
}  # fmt: skip
