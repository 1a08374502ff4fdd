"""Ids that cannot be any: from Envoy, over real HTTP, and in rows that another hand has written."""

from collections.abc import Callable
from functools import partial
from typing import Any

import pytest

from jobs import refresh_directory
from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from worker.invites import moves, store
from worker.sandbox.api import Answer, Call
from worker.sandbox.resources import ROUTES
from worker.sandbox.state import State

CREATE = ("POST", "/v1/invites")
ODD = ["../../v1/locations", "\ud800", "9\u202e9", "a" * 65, 1.5, "7?x=1"]


def alter(worker: WorkerWithSandbox, route: tuple[str, str], change: Callable[[Any], object]) -> None:
    """Let Envoy do what it does, and then say something else in its answer's data."""
    honest = ROUTES[route]

    def handler(state: State, call: Call) -> Answer:
        answer = honest.handler(state, call)
        return Answer({**answer.content, "data": change(answer.content["data"])}, answer.status)

    worker.sandbox.answer(route, handler)


def with_id(odd: object, data: Any) -> object:
    """Return the data of an answer under another id."""
    return {**data, "id": odd}


def test_a_create_answered_with_an_odd_id_is_in_doubt(worker: WorkerWithSandbox) -> None:
    """Envoy has it under an id that nobody can use: as if it had named none, so it is not sent again."""
    for number, odd in enumerate(ODD):
        alter(worker, CREATE, partial(with_id, odd))
        worker.add(f"v-{number}")
        worker.push()

        row = worker.delivery(f"v-{number}")
        assert (row["status"], row["error_code"], row["envoy_invite_id"]) == ("unknown", "no_id", None), odd
    assert len(worker.sandbox.invites()) == len(ODD)


@pytest.mark.parametrize("odd", ["../locations", "4001?x=1", "a/b", ".."])
def test_a_stored_id_that_cannot_be_any_is_never_asked_for(worker: WorkerWithSandbox, odd: str) -> None:
    """The row is refused before a byte is sent; a person may say that Envoy does not have it."""
    worker.add()
    worker.push()
    worker_rows.set_delivery(worker, envoy_invite_id=odd)
    worker.execute("UPDATE invite SET notes = 'new'")
    requests = worker.sandbox.ledger()["requests"]

    worker.push()

    row = worker.delivery()
    assert (row["status"], row["error_code"]) == ("rejected", "id_unusable")
    assert worker.sandbox.ledger()["requests"] == requests
    database = worker.context.database
    moves.resolve(database, store.require(database, "acme/v-1"), envoy_invite_id=None)
    worker.push()
    assert worker.delivery()["status"] == "sent"


def test_places_with_odd_ids_are_left_out(worker: WorkerWithSandbox) -> None:
    """The others are there; a flow whose location is odd does not become one of every location."""
    alter(worker, ("GET", "/v1/locations"), lambda data: [{**data[0], "id": "../1"}, *data[1:]])
    alter(worker, ("GET", "/v1/flows"), lambda data: [{**one, "locationId": "\ud800"} for one in data])

    before = len(worker.rows("SELECT * FROM location"))

    refresh_directory.run(worker.run_context(), max_age=0)

    stored = [row["envoy_id"] for row in worker.rows("SELECT * FROM location")]
    assert (len(stored), "../1" in stored) == (before - 1, False)
    assert worker.rows("SELECT * FROM flow") == []
