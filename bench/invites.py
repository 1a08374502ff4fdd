"""Realistic invites in large numbers: a name, an e-mail, a flow, two custom fields and notes, by SQL."""

import sqlalchemy as sa

# An invite of the customers whose name is LIKE :name, for each number from :first on, :each of them.
_SQLITE = """
    WITH RECURSIVE n(n) AS (SELECT :first UNION ALL SELECT n + 1 FROM n WHERE n + 1 < :first + :each)
    INSERT INTO invite (connection, external_id, invitee_name, invitee_email, location, flow,
                        expected_arrival_at, notes, custom_fields)
    SELECT c.name, 'booking-' || n, 'Visitor Number ' || n,
           'visitor-' || c.company_id || '-' || n || '@example.com',
           'Berlin', 'Visitor',
           strftime('%Y-%m-%dT%H:%M:00Z', 'now', '+3 days', '+' || (n % 1440) || ' minutes'),
           'Third floor, please ring the bell.' || char(10) || 'Brings a laptop.',
           json_object('Purpose of visit', 'Interview', 'Car', 'B-XY ' || n)
    FROM n CROSS JOIN connection AS c WHERE c.name LIKE :name
"""
_POSTGRESQL = """
    INSERT INTO invite (connection, external_id, invitee_name, invitee_email, location, flow,
                        expected_arrival_at, notes, custom_fields)
    SELECT c.name, 'booking-' || n, 'Visitor Number ' || n,
           'visitor-' || c.company_id || '-' || n || '@example.com',
           'Berlin', 'Visitor',
           date_trunc('minute', now()) + interval '3 days' + (n % 1440) * interval '1 minute',
           'Third floor, please ring the bell.' || chr(10) || 'Brings a laptop.',
           jsonb_build_object('Purpose of visit', 'Interview', 'Car', 'B-XY ' || n)
    FROM generate_series(CAST(:first AS integer), CAST(:first AS integer) + CAST(:each AS integer) - 1) AS n
    CROSS JOIN connection AS c WHERE c.name LIKE :name
"""
# What a delivery is once Envoy has its invite.
_FINISH = """
    UPDATE delivery SET status = 'sent', envoy_invite_id = 'old-' || id, sent_revision = revision,
                        attempts = 1, fencing_token = 1, sent_at = updated_at, next_attempt_at = NULL
    WHERE status = 'pending' AND connection LIKE :name
"""


def add(engine: sa.Engine, *, name: str, first: int, each: int) -> None:
    """Insert pending invites, as a caller would."""
    insert = _SQLITE if engine.dialect.name == "sqlite" else _POSTGRESQL
    with engine.begin() as connection:
        connection.execute(sa.text(insert), {"first": first, "each": each, "name": name})


def finish(engine: sa.Engine, *, name: str) -> None:
    """Let all that is pending of some customers be sent long ago."""
    with engine.begin() as connection:
        connection.execute(sa.text(_FINISH), {"name": name})
