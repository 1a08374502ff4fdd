"""From when a connection may be used, and why not before: kept by the database from what it is made of."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"
branch_labels = None
depends_on = None

PERSONS = "('paused', 'other_company', 'damaged_token')"  # holds that may have no end
# The end of the hold, or of the wait, whichever comes later.  What has neither is usable since long ago; what
# only a person ends, from never on; and what is no time, or beyond all others, lies just before that.
HOLD_ENDS = """CASE WHEN hold_reason IS NULL THEN {long_ago}
    WHEN held_until IS NOT NULL THEN {earlier}(held_until, {far})
    WHEN hold_reason IN {persons} THEN {never} ELSE {long_ago} END"""
WAIT_ENDS = """CASE WHEN waits_for IS NULL OR waits_until IS NULL THEN {long_ago}
    ELSE {earlier}(waits_until, {far}) END"""
USABLE_FROM = "CASE WHEN status <> 'active' THEN {never} ELSE {later}({hold_ends}, {wait_ends}) END"
UNUSABLE_REASON = """CASE WHEN status <> 'active' THEN status
    WHEN {hold_ends} >= {wait_ends} THEN hold_reason ELSE waits_for END"""
# Where a person has said until when, nobody's clock ends it earlier.
USABLE_SINCE = """CASE WHEN status <> 'active' THEN NULL
    WHEN {hold_ends} < {wait_ends} THEN waits_since
    WHEN hold_reason IN {persons} THEN NULL
    WHEN hold_reason IS NOT NULL THEN held_since END"""
OUTAGE_ENDS = "CASE WHEN hold_count > 0 AND held_until IS NOT NULL THEN held_until ELSE {long_ago} END"
REFUSAL_ENDS = "CASE WHEN refused_until IS NOT NULL THEN refused_until ELSE {long_ago} END"
HOST_USABLE_FROM = "{later}({outage_ends}, {refusal_ends})"
HOST_UNUSABLE_REASON = """CASE WHEN hold_count > 0 AND {outage_ends} >= {refusal_ends} THEN 'outage'
    WHEN refused_until IS NOT NULL THEN 'refuses_all' END"""

GENERATED = {
    "connection": {
        "usable_from": USABLE_FROM, "usable_since": USABLE_SINCE, "unusable_reason": UNUSABLE_REASON,
    },
    "host": {"usable_from": HOST_USABLE_FROM, "unusable_reason": HOST_UNUSABLE_REASON},
}  # fmt: skip
WAITS = ("waits_until", "waits_since", "waits_for")


def upgrade() -> None:
    """Add columns that the release before does not know, and keeps up to date without knowing."""
    moment = sa.Text().with_variant(sa.DateTime(timezone=True), "postgresql")
    for name in WAITS:
        op.add_column("connection", sa.Column(name, sa.Text() if name == "waits_for" else moment))
    sqlite = op.get_bind().dialect.name == "sqlite"
    for table, columns in GENERATED.items():
        for name, expression in columns.items():
            kind = sa.Text() if name == "unusable_reason" else moment
            # SQLite cannot add a stored one; an index stores what is asked for.
            made = sa.Computed(_expression(expression, sqlite=sqlite), persisted=not sqlite)
            op.add_column(table, sa.Column(name, kind, made))
    op.create_index("connection_usable", "connection", ["usable_from", "name"])
    op.create_index("connection_usable_since", "connection", ["usable_since"])
    op.execute("INSERT INTO schema_compatibility (revision) VALUES ('0009')")


def downgrade() -> None:
    """Remove them."""
    op.execute("DELETE FROM schema_compatibility WHERE revision = '0009'")
    op.drop_index("connection_usable_since", "connection")
    op.drop_index("connection_usable", "connection")
    for table, columns in GENERATED.items():
        for name in columns:
            op.drop_column(table, name)
    for name in WAITS:
        op.drop_column("connection", name)


def _expression(template: str, *, sqlite: bool) -> str:
    constants = {
        "earlier": "min" if sqlite else "least",
        "later": "max" if sqlite else "greatest",
        "long_ago": _moment("1970-01-01T00:00:00.000Z", sqlite=sqlite),
        "far": _moment("9999-12-29T00:00:00.000Z", sqlite=sqlite),
        "never": _moment("9999-12-30T00:00:00.000Z", sqlite=sqlite),
        "persons": PERSONS,
    }
    parts = {"hold_ends": HOLD_ENDS, "wait_ends": WAIT_ENDS}
    parts |= {"outage_ends": OUTAGE_ENDS, "refusal_ends": REFUSAL_ENDS}
    known = {name: f"({part.format(**constants)})" for name, part in parts.items()}
    return template.format(**constants, **known)


def _moment(text: str, *, sqlite: bool) -> str:
    return f"'{text}'" if sqlite else f"'{text}'::timestamptz"
