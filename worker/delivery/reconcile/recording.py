"""Take a look-up, and store what it came to: fenced, so that no look counts twice."""

import uuid
from collections.abc import Mapping
from datetime import datetime
from typing import Any

import sqlalchemy as sa

from worker.backoff import BackOff
from worker.database import Database
from worker.database.failures import is_taken
from worker.database.owner import this_process
from worker.database.repeating import repeated
from worker.delivery.due import skipping_locked
from worker.delivery.reconcile.decision import Decision, Schedule
from worker.delivery.reconcile.unknown_rows import Doubt
from worker.envoy.resources import Invite as EnvoyInvite
from worker.errors import EnvoyError
from worker.invites import Kind, Status, Verdict
from worker.invites.certainty import may_be_older
from worker.invites.in_doubt import found_after_restore
from worker.invites.literals import PENDING, UNKNOWN
from worker.invites.model import ATTEMPTS, DELIVERIES


class LookUps:
    """Where the look-ups of one run come from and go to."""

    def __init__(self, database: Database, schedule: Schedule, *, back_off: BackOff, run_id: str) -> None:
        """Take how long a row waits after looks that failed."""
        self._database = database
        self._schedule = schedule
        self._back_off = back_off
        self._fixed = {"kind": Kind.LOOK_UP, "run_id": run_id, "owner": this_process()}

    @repeated
    def take(self, doubt: Doubt) -> datetime | None:
        """Move the next look ahead, so that nobody else makes this one; return the database's time.

        None if the row has moved on.  Should this process die, or the look fail, it is made then.
        """
        wait = max(self._schedule.wait(doubt.look_ups), self._back_off.least)
        own = DELIVERIES.c
        free = sa.select(own.id).where(self._is_as_seen(doubt), own.next_attempt_at == doubt.next_attempt_at)
        statement = (
            sa.update(DELIVERIES)
            .where(own.id.in_(skipping_locked(self._database, free)))
            .values(next_attempt_at=self._database.later(wait), updated_at=self._database.now())
            .returning(self._database.now())
        )
        with self._database.write() as connection:
            now: datetime | None = connection.execute(statement).scalar()
        return now

    @repeated
    def record(self, doubt: Doubt, decision: Decision, *, began: datetime) -> bool:
        """Write what a look came to, to the row and to the ledger; return False where the row moved on."""
        invite_id = decision.invite.id if decision.invite else None
        entry = {"detail": decision.detail, "error_code": decision.error_code, "envoy_invite_id": invite_id}
        statement = sa.update(DELIVERIES).where(self._is_as_seen(doubt)).values(self._values(doubt, decision))
        try:
            with self._database.write() as connection:
                settled = connection.execute(statement).rowcount
                if settled:
                    connection.execute(self._entry(doubt, began, verdict=decision.verdict, **entry))
        except sa.exc.IntegrityError as error:  # its text may hold the row
            if not is_taken(error):
                raise
            return False  # another row has this id by now
        return bool(settled)

    @repeated
    def record_failure(self, doubt: Doubt, error: EnvoyError, *, began: datetime) -> None:
        """Write a look that failed to the ledger; it is no look, and is made again after a growing wait."""
        entry = self._entry(
            doubt,
            began,
            verdict=Verdict.DEFERRED,
            error_code=error.error_code,
            http_status=error.http_status,
            detail=None,
        )
        wait = self._back_off.jittered(doubt.deferrals)
        later = {
            "deferrals": doubt.deferrals + 1,
            "next_attempt_at": self._database.later(wait),
            "updated_at": self._database.now(),
        }
        with self._database.write() as connection:
            connection.execute(sa.update(DELIVERIES).where(self._is_as_seen(doubt)).values(later))
            connection.execute(entry)

    def _is_as_seen(self, doubt: Doubt) -> sa.ColumnElement[bool]:
        own = DELIVERIES.c
        return sa.and_(
            own.id == doubt.delivery_id,
            own.status == UNKNOWN,
            own.fencing_token == doubt.fencing_token,
            own.look_ups == doubt.look_ups,
            own.unknown_since.is_not_distinct_from(doubt.unknown_since),
        )

    def _values(self, doubt: Doubt, decision: Decision) -> Mapping[str, object]:
        now = self._database.now()
        if decision.status is Status.UNKNOWN:
            wait = decision.wait
            said = {"error_code": decision.error_code, "error_detail": decision.detail}
            return {
                "look_ups": decision.look_ups,
                "deferrals": 0,
                "next_attempt_at": None if wait is None else self._database.later(wait),
                "updated_at": now,
                **(said if decision.error_code else {}),
            }
        unchanged = DELIVERIES.c.revision == doubt.revision
        if decision.invite is not None:
            unchanged = sa.false() if doubt.restored else sa.and_(unchanged, ~may_be_older())
        settled = {
            # What the caller changed during the look is looked at next.
            "status": sa.case((unchanged, decision.status.value), else_=PENDING),
            "next_attempt_at": now,
            "look_ups": 0,
            "deferrals": 0,
            "unknown_since": None,
            "content_key": None,
            "absent_key": None if decision.invite else DELIVERIES.c.content_key,
            "error_code": sa.case((unchanged, decision.error_code), else_=None),
            "error_detail": sa.case(
                (unchanged, decision.detail if decision.error_code else None), else_=None
            ),
            "updated_at": now,
        }
        return settled | self._proper_to(doubt, decision)

    def _proper_to(self, doubt: Doubt, decision: Decision) -> dict[str, object]:
        """Return the columns of a row that was found, or that is set aside."""
        if decision.invite is not None:
            return {
                "envoy_invite_id": decision.invite.id,
                "approval_status": decision.invite.approval_status,
                "sent_content": _known(doubt, decision.invite),
                "sent_revision": doubt.revision,
                "sent_at": self._database.now(),
                "interruptions": 0,
            }
        return {"interruptions": 0} if decision.status is Status.REJECTED else {}

    def _entry(self, doubt: Doubt, began: datetime, **values: object) -> sa.Insert:
        return sa.insert(ATTEMPTS).values(
            **self._fixed,
            **values,
            id=uuid.uuid4().hex,
            delivery_id=doubt.delivery_id,
            revision=doubt.revision,
            fencing_token=doubt.fencing_token,
            started_at=began,
            finished_at=self._database.now(),
        )


def _known(doubt: Doubt, found: EnvoyInvite) -> Any:  # noqa: ANN401 -- a value, or an expression for one
    """Return what is known of what was found; all else is sent."""
    if doubt.restored:
        return found_after_restore(found.empty)
    return sa.case((may_be_older(), sa.null()), else_=DELIVERIES.c.sent_content)
