"""The schema's history.  Imports nothing of the worker; ``HEAD`` is the revision this release is made for."""

HEAD = "0010"
# The triggers of that revision, by database and table.  On PostgreSQL each must fire whoever writes.
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
