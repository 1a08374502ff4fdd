"""What counts as a change, and what each status needs; part of revision 0005, and never changed again."""

CLEARED_NAME = "(cleared)"
# The caller's columns, by how they are compared.
PLAIN = ("connection", "external_id", "location", "flow", "send_email", "wanted")
MOMENTS = ("expected_arrival_at", "expected_departure_at")
PERSONAL = ("invitee_name", "invitee_email", "host_employee_id", "host_email", "notes", "custom_fields")

NOW = {"sqlite": "strftime('%Y-%m-%dT%H:%M:%fZ', 'now')", "postgresql": "now()"}
# What a delivery needs, by the rule's name; {0} stands before each column.
RULES = {
    "delivery_pending_has_due_time": "{0}status <> 'pending' OR {0}next_attempt_at IS NOT NULL",
    "delivery_sending_has_attempt_and_lease": (
        "{0}status <> 'sending' OR ({0}attempt_id IS NOT NULL AND {0}lease_owner IS NOT NULL"
        " AND {0}lease_until IS NOT NULL)"
    ),
    "delivery_sent_has_id_and_revision": (
        "{0}status <> 'sent' OR ({0}envoy_invite_id IS NOT NULL AND {0}sent_revision IS NOT NULL)"
    ),
    "delivery_unknown_has_attempt": "{0}status <> 'unknown' OR {0}attempt_id IS NOT NULL",
    "delivery_withdrawn_has_no_id": "{0}status <> 'withdrawn' OR {0}envoy_invite_id IS NULL",
    "delivery_expired_has_no_id": "{0}status <> 'expired' OR {0}envoy_invite_id IS NULL",
}

KEPT = "'this invite was sent or tried: set wanted = ''absent'' and insert a new row instead of renaming it'"
# An invite without a delivery was written while no trigger fired: something is to be done about it.
STATUS = """\
SELECT i.id, i.connection, i.external_id, i.invitee_name, i.invitee_email, i.location, i.flow,
       i.host_employee_id, i.host_email, i.expected_arrival_at, i.expected_departure_at, i.notes,
       i.custom_fields, i.send_email, i.wanted, coalesce(d.status, 'pending') AS status,
       coalesce(d.revision, 1) AS revision, d.sent_revision, coalesce(d.attempts, 0) AS attempts,
       d.next_attempt_at, d.envoy_invite_id, d.approval_status,
       CASE WHEN d.id IS NULL THEN 'delivery_missing' ELSE d.error_code END AS error_code,
       d.error_detail, d.sent_at, i.created_at, d.updated_at
FROM invite AS i
LEFT JOIN delivery AS d ON d.connection = i.connection AND d.external_id = i.external_id"""


def filled_in(sql: str, dialect: str) -> str:
    """Return the statements of one database with the parts that both have in common."""
    parts = {
        "@changed@": changed(dialect),
        "@reopened@": reopened(dialect),
        "@kept@": KEPT,
        "@status@": STATUS,
    }
    for mark, part in parts.items():
        sql = sql.replace(mark, part)
    return sql


def changed(dialect: str) -> str:
    """Return the condition that an UPDATE says something new of the visit, and is no clear.

    A clear moves the mark, and takes personal columns to their cleared values and does nothing else.
    """
    differs = {name: _differs(name, name, dialect) for name in (*PLAIN, *PERSONAL)}
    differs |= {name: _differs(name, _moment(dialect), dialect) for name in MOMENTS}
    said = " OR ".join(differs[name] for name in (*PLAIN, *MOMENTS))
    personal = " OR ".join(differs[name] for name in PERSONAL)
    emptied = " AND ".join(f"(NOT ({differs[name]}) OR {_emptied(name)})" for name in PERSONAL)
    return f"({said} OR ({personal}) AND NOT ({_marked(dialect)} AND {emptied}))"


def reopened(dialect: str) -> str:
    """Return the assignments that follow a change; what is being sent, or in doubt, settles first."""
    doubtful, now = "{0}status IN ('sending', 'unknown')", NOW[dialect]
    own = "" if dialect == "sqlite" else "d."
    return (
        "revision = {0}revision + 1,"
        f" next_attempt_at = CASE WHEN {doubtful} THEN {{0}}next_attempt_at ELSE {now} END,"
        f" error_code = CASE WHEN {doubtful} THEN {{0}}error_code END,"
        f" error_detail = CASE WHEN {doubtful} THEN {{0}}error_detail END,"
        f" deferrals = 0, updated_at = {now},"
        f" status = CASE WHEN {doubtful} THEN {{0}}status ELSE 'pending' END"
    ).format(own)


def _moment(dialect: str) -> str:
    return "julianday({0})" if dialect == "sqlite" else "{0}"


def _differs(name: str, form: str, dialect: str) -> str:
    """Return the condition that a column differs; *form* turns it into what is compared."""
    new, old = (form.format(f"{row}.{name}") if "{0}" in form else f"{row}.{name}" for row in ("NEW", "OLD"))
    return f"{new} {'IS NOT' if dialect == 'sqlite' else 'IS DISTINCT FROM'} {old}"


def _marked(dialect: str) -> str:
    """Return the condition that the mark of a clear moved; drivers may cut it to milliseconds."""
    if dialect == "sqlite":
        return "NEW.cleared_at IS NOT NULL AND julianday(NEW.cleared_at) IS NOT julianday(OLD.cleared_at)"
    millisecond = "interval '1 ms'"
    moved = f"NEW.cleared_at - OLD.cleared_at NOT BETWEEN -{millisecond} AND {millisecond}"
    return f"NEW.cleared_at IS NOT NULL AND (OLD.cleared_at IS NULL OR {moved})"


def _emptied(name: str) -> str:
    return f"NEW.{name} = '{CLEARED_NAME}'" if name == "invitee_name" else f"NEW.{name} IS NULL"
