"""What the table ``invite`` refuses, by any writer; part of revision 0001, and never changed again."""

from collections.abc import Iterator

import sqlalchemy as sa

TEXTS = (
    "connection", "external_id", "invitee_name", "invitee_email", "location", "flow", "host_employee_id",
    "host_email", "notes", "custom_fields",
)  # fmt: skip
TIMES = ("expected_arrival_at", "expected_departure_at", "created_at", "updated_at", "cleared_at")
# Beyond these bounds (and in infinity) no client library can read a time back.
EARLIEST, LATEST = "1970-01-01T00:00:00Z", "9999-12-30T00:00:00Z"


def invite_checks(*, sqlite: bool) -> Iterator[sa.CheckConstraint]:
    """Yield the named constraints of one database; SQLite, which checks no types, needs more of them."""

    def check(name: str, rule: str) -> sa.CheckConstraint:
        return sa.CheckConstraint(sa.text(rule.replace(":", "\\:")), name=f"invite_{name}")

    for column, longest in (("connection", 100), ("external_id", 255), ("invitee_name", 255)):
        yield check(f"{column}_length", f"length(trim({column})) > 0 AND length({column}) <= {longest}")
    yield check("notes_length", "length(notes) <= 2000")
    for column, longest in (("location", 255), ("flow", 255), ("host_employee_id", 64), ("host_email", 320)):
        yield check(f"{column}_length", f"length({column}) <= {longest}")
    yield check(
        "invitee_email_form",
        "invitee_email IS NULL OR invitee_email = '' OR"
        " (invitee_email LIKE '%_@_%' AND length(invitee_email) <= 320)",
    )
    yield check("wanted_known", "wanted IN ('present', 'absent')")
    if sqlite:
        yield from (check(*rule) for rule in _sqlite_rules())
    else:
        for column in TIMES:
            yield check(f"{column}_real", f"{column} BETWEEN '{EARLIEST}' AND '{LATEST}'")
        yield check("departure_after_arrival", "expected_departure_at >= expected_arrival_at")
        yield check("custom_fields_object", "jsonb_typeof(custom_fields) = 'object'")


def _sqlite_rules() -> Iterator[tuple[str, str]]:
    for column in TIMES[:2]:
        # Asked first: a time whose zone SQLite cannot read is no wrong day, and 'now' is no time at all.
        zone = f"({column} LIKE '%Z' OR {column} GLOB '*[+-][0-9][0-9]:[0-9][0-9]')"
        yield f"{column}_has_zone", f"{column} IS NULL OR ({column} GLOB '[0-9]*' AND {zone})"
    for column in TIMES:
        # '+0 days' makes SQLite do the calendar's arithmetic: 31 February becomes 3 March, and differs.
        calendar = f"date(substr({column}, 1, 10), '+0 days') IS substr({column}, 1, 10)"
        bounds = f"ifnull(julianday({column}) BETWEEN julianday('{EARLIEST}') AND julianday('{LATEST}'), 0)"
        yield f"{column}_real", f"{column} IS NULL OR ({bounds} AND {calendar})"
    yield "departure_after_arrival", "julianday(expected_departure_at) >= julianday(expected_arrival_at)"
    yield (
        "custom_fields_object",
        "custom_fields IS NULL OR (json_valid(custom_fields) AND json_type(custom_fields) = 'object')",
    )
    yield "send_email_boolean", "send_email IN (0, 1)"
    for column in TEXTS:
        yield (
            f"{column}_plain_text",
            f"typeof({column}) <> 'blob' AND ifnull(instr({column}, char(0)), 0) = 0",
        )
