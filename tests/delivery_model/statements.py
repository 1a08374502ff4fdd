"""The conditional writes of a delivery, as functions of a row; test_statements.py holds them to the SQL.

Each returns the row as it is then, or None if the write does not apply.  Guards can be switched off, to
see whether the search misses them.
"""

from typing import NamedTuple

from tests.delivery_model.state import Row, Seen
from worker.delivery.outcomes import Outcome
from worker.invites import Status, Verdict

IN_DOUBT = (Status.SENDING, Status.UNKNOWN)


class Guards(NamedTuple):
    """What the statements compare; each may be switched off."""

    planned_status: bool = True
    planned_revision: bool = True
    planned_token: bool = True
    planned_id: bool = True
    twin: bool = True
    settle_token: bool = True
    settle_id: bool = True
    settle_awaiting: bool = True
    doubt_first: bool = True
    look_as_seen: bool = True
    give_up_token: bool = True
    resolve_token: bool = True
    lease_time: bool = True
    ids_of_others: bool = True
    stale_ids_count: bool = True
    older_content: bool = True
    both_told: bool = True
    rolled_back: bool = True


ALL = Guards()


def is_as_planned(row: Row, seen: Seen, on: Guards) -> bool:
    """Return whether a row is still what was planned for."""
    return (
        (row.status is Status.PENDING or not on.planned_status)
        and (row.revision == seen.revision or not on.planned_revision)
        and (row.token == seen.token or not on.planned_token)
        and (row.envoy_id == seen.envoy_id or not on.planned_id)
    )


def claim(row: Row, seen: Seen, *, content: str | None, keyed: bool, on: Guards = ALL) -> Row | None:
    """Claim a row for an attempt."""
    if not is_as_planned(row, seen, on):
        return None
    creates = tuple(one for one in row.creates if not one[2])
    if keyed:
        creates = (*creates, (row.token + 1, seen.revision, False))
    return row._replace(
        creates=creates,
        status=Status.SENDING, token=row.token + 1, tried=seen.revision, content=content, keyed=keyed,
        over=False, dead=False, since=0, late=(),
    )  # fmt: skip


def finish(row: Row, seen: Seen, final: Status, on: Guards = ALL) -> Row | None:
    """Finish a row that nothing has to be sent for."""
    return row._replace(status=final) if is_as_planned(row, seen, on) else None


def settle(
    row: Row, seen: Seen, token: int, outcome: Outcome, content: str | None, on: Guards = ALL
) -> Row | None:
    """Settle a row by what its attempt came to."""
    if not _is_mine(row, seen, token, on) or not _awaits(row, outcome, on):
        return None
    doubtful = outcome.status is Status.UNKNOWN
    if outcome.verdict is Verdict.SENT:
        envoy_id = int(outcome.envoy_invite_id) if outcome.envoy_invite_id else None
        row = row._replace(envoy_id=envoy_id, content=content)
    elif outcome.gone:
        row = row._replace(envoy_id=None, content=None)
    elif outcome.restored:
        row = row._replace(content=content)
    unchanged = row.revision == seen.revision or (doubtful and on.doubt_first)
    return row._replace(
        status=outcome.status if unchanged else Status.PENDING,
        since=row.since + 1 if doubtful else 0,
        keyed=row.keyed and doubtful,
        for_person=outcome.for_a_person,
        look_ups=0,
        over=False,
        dead=False,
    )


def _is_mine(row: Row, seen: Seen, token: int, on: Guards) -> bool:
    return (row.token == token or not on.settle_token) and (row.envoy_id == seen.envoy_id or not on.settle_id)


def _awaits(row: Row, outcome: Outcome, on: Guards) -> bool:
    if not on.settle_awaiting:
        return True
    return row.status is not Status.SENT if outcome.verdict is Verdict.SENT else row.status in IN_DOUBT


def give_up(row: Row, token: int, on: Guards = ALL) -> Row | None:
    """Take an attempt for abandoned: a create is in doubt then, anything else is due again."""
    if row.status is not Status.SENDING or (row.token != token and on.give_up_token):
        return None
    doubtful = row.envoy_id is None
    return row._replace(
        status=Status.UNKNOWN if doubtful else Status.PENDING, since=row.since + 1 if doubtful else 0,
        look_ups=0, over=False, dead=False, for_person=False,
    )  # fmt: skip


def record(
    row: Row, token: int, look: tuple[int, int, int | None], decided: str, on: Guards = ALL
) -> Row | None:
    """Write what a look came to."""
    look_ups, since, found = look
    seen = (Status.UNKNOWN, token, look_ups, since)
    if (row.status, row.token, row.look_ups, row.since) != seen and on.look_as_seen:
        return None
    if decided in {"again", "person"}:
        return row._replace(look_ups=look_ups + 1, for_person=decided == "person")
    return _found(row, found, on)._replace(look_ups=0, since=0, keyed=False, for_person=False)


def resolve(row: Row, token: int, found: int | None, on: Guards = ALL) -> Row | None:
    """Settle a row in doubt by a person's verdict."""
    if row.status is not Status.UNKNOWN or (row.token != token and on.resolve_token):
        return None
    if found is None and row.envoy_id is not None:
        row = row._replace(envoy_id=None, content=None)
    settled = _found(row, found, on)._replace(look_ups=0, since=0, keyed=False, for_person=False)
    return settled._replace(token=row.token + 1, over=False, dead=False)


def _found(row: Row, found: int | None, on: Guards) -> Row:
    """Return the row under the id that was found, or due again: sent if Envoy surely has all of it."""
    if found is None:
        return row._replace(status=Status.PENDING)
    if on.older_content and any(revision != row.tried for _, revision, _ in row.creates):
        return row._replace(status=Status.PENDING, envoy_id=found, content=None)
    is_newest = row.revision == row.tried
    return row._replace(status=Status.SENT if is_newest else Status.PENDING, envoy_id=found)


def answered(row: Row, token: int, *, executed: bool) -> Row:
    """Write to the ledger what a create came to."""
    others = tuple(one for one in row.creates if one[0] != token)
    mine = tuple((*one[:2], True) for one in row.creates if one[0] == token and executed)
    return row._replace(creates=tuple(sorted((*others, *mine))))


def changed(row: Row, *, wanted: bool, text: int) -> Row:
    """Let the caller change a row."""
    status = row.status if row.status in IN_DOUBT else Status.PENDING
    return row._replace(wanted=wanted, text=text, revision=row.revision + 1, status=status)
