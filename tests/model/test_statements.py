"""The model's statements are those of the database: each row comes out the same, whatever was seen of it."""

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import timedelta
from itertools import product
from threading import Event
from typing import Any

import pytest
import sqlalchemy as sa

from tests.delivery_model import statements
from tests.delivery_model.decisions import as_text
from tests.delivery_model.state import Row, Seen
from tests.journals import GatheringJournal, InlineJournal
from tests.model.real_rows import PAST, RealRows, attempt_id, compared, envoy_id, is_possible, seen_row
from tests.waiting import wait_until
from worker.backoff import BackOff
from worker.clock import boot_clock
from worker.database import Database
from worker.delivery.outcomes import Outcome
from worker.delivery.plan import Call, Settled
from worker.delivery.reconcile.decision import Decision, Schedule
from worker.delivery.reconcile.recording import LookUps
from worker.delivery.reconcile.unknown_rows import Doubt
from worker.delivery.recovery import interrupted
from worker.delivery.store.claims import Claim, Claims, Lease
from worker.delivery.store.database_away import Patience
from worker.delivery.store.finishing import settle_without_call
from worker.delivery.store.verdicts import Verdicts
from worker.envoy import resources
from worker.errors import UsageError
from worker.invites import Kind, Status, Verdict, moves, store
from worker.invites.model import DELIVERIES, INVITES

TOKEN, REVISION = 3, 2
BASE = Row(revision=REVISION, token=TOKEN, tried=REVISION, content='{"notes": "before"}')
SENDING = BASE._replace(status=Status.SENDING, keyed=True)
UNKNOWN = BASE._replace(status=Status.UNKNOWN, keyed=True, since=1)
IDS = (None, 1)


def in_every_status() -> list[Row]:
    """Return a row in each status, with an id and without one, where the database lets it stand so."""
    others = [BASE._replace(status=status) for status in Status if status not in statements.IN_DOUBT]
    rows = [row._replace(envoy_id=one) for row in (*others, SENDING, UNKNOWN) for one in IDS]
    return [row for row in rows if is_possible(row)]


def seen_otherwise(row: Row) -> list[Seen]:
    """Return what may have been seen of a row: what it is, or what differs in one thing."""
    seen = row.seen()
    return [
        seen,
        seen._replace(revision=seen.revision - 1),
        seen._replace(token=seen.token - 1),
        seen._replace(envoy_id=2 if seen.envoy_id is None else None),
        seen._replace(envoy_id=2),
    ]


def agree(
    real_rows: RealRows, cases: Sequence[Row], ids: Sequence[int], expected: Sequence[Row | None]
) -> None:
    """Require that each row is as the model says: changed, or as it was."""
    wanted = [
        compared(row if after is None else after, number)
        for row, number, after in zip(cases, ids, expected, strict=True)
    ]
    assert real_rows.rows(ids) == wanted


def test_a_claim_takes_only_what_was_planned(real_rows: RealRows) -> None:
    """Status, revision, token and Envoy's id, each alone, void a claim."""
    cases = [(row, seen) for row in in_every_status() for seen in seen_otherwise(row)]
    rows = [row for row, _ in cases]
    ids = real_rows.put(rows)
    claims = Claims(
        real_rows.database,
        InlineJournal(real_rows.database),
        host="h",
        lease=Lease(60, 15),
        run_id="run",
        clock=boot_clock,
    )
    call = Call(Kind.UPDATE, content_in_flight={"notes": "tried"})

    for number, (_, seen) in zip(ids, cases, strict=True):
        claims.take(seen_row(number, seen), call, f"claim-{number}")

    after = [statements.claim(row, seen, content='{"notes": "tried"}', keyed=False) for row, seen in cases]
    agree(real_rows, rows, ids, after)


def test_claims_of_one_commit_take_what_each_would_take_alone(real_rows: RealRows) -> None:
    """Each of them is decided by its own row, whatever becomes of the others."""
    cases = [(row, seen) for row in in_every_status() for seen in seen_otherwise(row)]
    ids = real_rows.put([row for row, _ in cases])
    journal = GatheringJournal(real_rows.database)
    claims = Claims(
        real_rows.database, journal, host="h", lease=Lease(60, 15), run_id="run", clock=boot_clock
    )
    call = Call(Kind.UPDATE, content_in_flight={"notes": "tried"})

    with ThreadPoolExecutor(len(cases)) as pool:
        for number, (_, seen) in zip(ids, cases, strict=True):
            pool.submit(claims.take, seen_row(number, seen), call, f"together-{number}")
        wait_until(lambda: len(journal.held) == len(cases))
        journal.finish_all()

    after = [statements.claim(row, seen, content='{"notes": "tried"}', keyed=False) for row, seen in cases]
    agree(real_rows, [row for row, _ in cases], ids, after)


def test_a_row_is_finished_only_as_it_was_planned(real_rows: RealRows) -> None:
    """The same four void what needs no call."""
    cases = [(row, seen) for row in in_every_status() for seen in seen_otherwise(row)]
    rows = [row for row, _ in cases]
    finals = [Status.WITHDRAWN if row.envoy_id is None else Status.REJECTED for row in rows]
    ids = real_rows.put(rows)

    settle_without_call(
        real_rows.database,
        [
            (seen_row(number, seen), Settled(final))
            for number, (_, seen), final in zip(ids, cases, finals, strict=True)
        ],
    )

    after = [statements.finish(row, seen, final) for (row, seen), final in zip(cases, finals, strict=True)]
    agree(real_rows, rows, ids, after)


OUTCOMES = (
    Outcome(Verdict.SENT, Status.SENT, "sent", envoy_invite_id="7", content={"notes": "sent"}),
    Outcome(Verdict.SENT, Status.WITHDRAWN, "withdrawn"),
    Outcome(Verdict.UNKNOWN, Status.UNKNOWN, "unknown"),
    Outcome(Verdict.UNKNOWN, Status.UNKNOWN, "unknown", for_a_person=True),
    Outcome(Verdict.DEFERRED, Status.PENDING, "deferred", gone=True),
    Outcome(Verdict.REJECTED, Status.REJECTED, "rejected", restored=True, content={"notes": "restored"}),
)


@pytest.mark.parametrize("size", [1, 64])
def test_a_verdict_settles_only_its_own_row(real_rows: RealRows, size: int) -> None:
    """Another attempt, another id, a status that awaits nothing: each alone keeps a verdict from its row.

    So it is, however many verdicts are one commit.
    """
    seen = [(row, one) for row in in_every_status() for one in seen_otherwise(row)]
    cases = [(row, one, outcome) for row, one in seen for outcome in OUTCOMES]
    ids = real_rows.put([row for row, _, _ in cases])
    journal = GatheringJournal(real_rows.database)
    verdicts = Verdicts(real_rows.database, journal, BackOff(5, 900), first_look=5)
    patience = Patience(Event(), 0)

    for number, (_, one, outcome) in zip(ids, cases, strict=True):
        claim = Claim(attempt_id(number, one.token), number, one.token, one.revision, 1, 0.0, boot_clock)
        own = replace(outcome, envoy_invite_id=_own(number, outcome))
        verdicts.hand_over(seen_row(number, one), claim, own, patience, lambda _: None)
        if len(journal.held) == size:
            journal.finish_all()
    journal.finish_all()

    after = [
        statements.settle(row, one, one.token, outcome, as_text(outcome.content))
        for row, one, outcome in cases
    ]
    agree(real_rows, [row for row, _, _ in cases], ids, after)


def _own(number: int, outcome: Outcome) -> str | None:
    return envoy_id(number, int(outcome.envoy_invite_id)) if outcome.envoy_invite_id else None


def test_an_attempt_is_given_up_only_while_it_is_on_its_way(real_rows: RealRows) -> None:
    """Its verdict, or the next attempt, came first: then nothing happens."""
    cases = [(row, token) for row in in_every_status() for token in (TOKEN, TOKEN - 1)]
    rows = [row for row, _ in cases]
    ids = real_rows.put(rows)

    for number, (row, token) in zip(ids, cases, strict=True):
        interrupted.give_up(real_rows.database, _abandoned(number, row, token), first_look=5)

    agree(real_rows, rows, ids, [statements.give_up(row, token) for row, token in cases])


def _abandoned(number: int, row: Row, token: int) -> Any:
    return {
        "id": number, "fencing_token": token, "doubtful": row.envoy_id is None, "lease_owner": None,
        "attempt_id": attempt_id(number, token),
    }  # fmt: skip


DECISIONS: dict[str, Callable[[int], Decision]] = {
    "again": lambda _: Decision(Status.UNKNOWN, Verdict.UNKNOWN, 2, wait=5),
    "person": lambda _: Decision(Status.UNKNOWN, Verdict.UNKNOWN, 2, error_code="look_up_several"),
    "pending": lambda _: Decision(Status.PENDING, Verdict.DEFERRED),
    "sent": lambda number: Decision(Status.SENT, Verdict.SENT, invite=_found(number)),
}


def _found(number: int) -> resources.Invite:
    found = resources.invite({"id": envoy_id(number, 9)})
    assert found is not None
    return found


def test_a_look_counts_only_for_the_doubt_that_it_was_made_for(real_rows: RealRows) -> None:
    """The status, the token, the number of looks and the beginning of the doubt, each alone, void a look."""
    looks = [(TOKEN, 1, 1), (TOKEN - 1, 1, 1), (TOKEN, 0, 1), (TOKEN, 1, 2)]
    rows = [row._replace(look_ups=1) for row in in_every_status()]
    rows += [UNKNOWN._replace(look_ups=1, tried=REVISION - 1)]
    rows += [UNKNOWN._replace(look_ups=1, creates=((1, 1, False),))]
    cases = list(product(rows, looks, DECISIONS))
    ids = real_rows.put([row for row, _, _ in cases])
    look_ups = LookUps(real_rows.database, Schedule([5.0, 30.0]), back_off=BackOff(5, 900), run_id="run")

    for number, (row, (token, count, since), decided) in zip(ids, cases, strict=True):
        look_ups.record(_doubt(number, row, token, count, since), DECISIONS[decided](number), began=PAST)

    after = [
        statements.record(row, token, (count, since, 9 if decided == "sent" else None), decided)
        for row, (token, count, since), decided in cases
    ]
    agree(real_rows, [row for row, _, _ in cases], ids, after)


def _doubt(number: int, row: Row, token: int, look_ups: int, since: int) -> Doubt:
    return Doubt(
        delivery_id=number, invite_id=number, connection_id=1, connection="acme", external_id="x",
        fencing_token=token, look_ups=look_ups, interruptions=0, deferrals=0, next_attempt_at=PAST,
        unknown_since=PAST + timedelta(minutes=since), error_code=None, revision=row.tried,
        attempt_id=attempt_id(number, token), started_at=PAST,
    )  # fmt: skip


def test_a_person_settles_only_the_attempt_that_was_seen(real_rows: RealRows) -> None:
    """What is not unknown, or was tried again since, stays as it is."""
    older = UNKNOWN._replace(creates=((1, 1, False),))
    rows = [*in_every_status(), older, UNKNOWN._replace(tried=REVISION - 1)]
    cases = list(product(rows, (TOKEN, TOKEN - 1), (None, 9)))
    ids = real_rows.put([row for row, _, _ in cases])

    for number, (_, token, found) in zip(ids, cases, strict=True):
        _resolve(real_rows.database, number, token, envoy_id(number, found))

    after = [statements.resolve(row, token, found) for row, token, found in cases]
    agree(real_rows, [row for row, _, _ in cases], ids, after)


def _resolve(database: Database, number: int, token: int, found: str | None) -> None:
    with database.read() as connection:
        query = sa.select(DELIVERIES.c.external_id).where(DELIVERIES.c.id == number)
        standing = store.require(database, f"acme/{connection.execute(query).scalar_one()}")
    standing.delivery.fencing_token = token
    try:
        moves.resolve(database, standing, envoy_invite_id=found)
    except UsageError:
        return


def test_a_change_reopens_all_but_what_is_in_doubt(real_rows: RealRows) -> None:
    """The caller's UPDATE raises the revision, and what is on its way or in doubt settles first."""
    rows = in_every_status()
    ids = real_rows.put(rows)

    with real_rows.database.write() as connection:
        query = sa.select(DELIVERIES.c.invite_id).where(DELIVERIES.c.id.in_(ids))
        connection.execute(sa.update(INVITES).where(INVITES.c.id.in_(query)).values(notes="changed"))

    agree(real_rows, rows, ids, [statements.changed(row, wanted=True, text=1) for row in rows])
