"""Warn of visits that begin soon and are not in Envoy.

Parameters: `hours` (24) is how far it looks ahead.
"""

from typing import Annotated

import sqlalchemy as sa
from pydantic import Field

from worker.errors import ExitCode
from worker.invites import Delivery, Invite, Status, Wanted
from worker.report import Report
from worker.runs import RunContext

HINT = "see them: `envoy-worker invites list --status rejected`, and the same with unknown and pending"


def run(context: RunContext, *, hours: Annotated[float, Field(gt=0, le=8760)] = 24) -> Report:
    """Count such visits; where there is one, the run ends with exit code 3 and a warning."""
    database = context.database
    invite, delivery = Invite.__table__.c, Delivery.__table__.c  # type: ignore[attr-defined]
    soon = sa.and_(
        delivery.invite_id == invite.id,
        invite.wanted == Wanted.PRESENT,
        invite.expected_arrival_at.between(database.now(), database.later(hours * 3600)),
        delivery.status != Status.SENT,
    )
    if context.connection is not None:  # run-once --connection NAME
        soon &= invite.connection == context.connection
    with database.read() as connection:
        missing = connection.execute(sa.select(sa.func.count()).where(soon)).scalar_one()
    report = Report()
    report.add("not_in_envoy", missing)
    if missing:
        report.trouble(ExitCode.REJECTED)
        report.hint = HINT
    return report
