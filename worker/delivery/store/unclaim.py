"""A claim whose commit was not heard: it may stand, and surely nothing was sent for it."""

import sqlalchemy as sa

from worker.database import Database
from worker.database.repeating import repeated
from worker.delivery.due import DueRow
from worker.invites import Status, Verdict
from worker.invites.literals import SENDING, UNKNOWN
from worker.invites.model import ATTEMPTS, DELIVERIES

CLAIM_UNHEARD = "claim_unheard"


@repeated
def take_back(database: Database, row: DueRow, attempt_id: str) -> bool:
    """Make a row due again if the claim of *attempt_id* stands; return whether it did.

    For the one who claimed, and has sent nothing, only: otherwise the row would wait for the end of
    its lease, and then be in doubt for nothing.
    """
    own, line = DELIVERIES.c, ATTEMPTS.c
    standing = sa.and_(
        own.id == row.delivery_id,
        own.attempt_id == attempt_id,
        sa.or_(own.status == SENDING, own.status == UNKNOWN),
    )
    due = {
        "status": Status.PENDING,
        "next_attempt_at": database.now(),
        "attempts": own.attempts - 1,
        "sent_content": row.sent_content,
        "content_key": None,
        "unknown_since": None,
        "lease_owner": None,
        "lease_until": None,
        "updated_at": database.now(),
    }
    verdict = {"verdict": Verdict.DEFERRED, "error_code": CLAIM_UNHEARD, "finished_at": database.now()}
    with database.write() as connection:
        taken = connection.execute(sa.update(DELIVERIES).where(standing).values(due)).rowcount
        unwritten = (line.id == attempt_id) & line.verdict.is_(None)
        connection.execute(sa.update(ATTEMPTS).where(unwritten).values(verdict))
    return bool(taken)
