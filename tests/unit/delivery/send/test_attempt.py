"""One attempt: whatever goes wrong after the request, there is a verdict."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import sqlalchemy as sa

from tests.due_rows import NOW, due_row
from worker.connections.tokens.expiry import AccessToken
from worker.database import Database
from worker.delivery.lanes.lane import Lane, Work
from worker.delivery.outcomes import Outcome
from worker.delivery.plan import Call
from worker.delivery.send.attempt import Requests
from worker.delivery.send.judge import Judge
from worker.delivery.store.claims import Claim
from worker.envoy.api import Written
from worker.errors import EnvoyError, Forbidden, OutcomeUnknown
from worker.invites import Kind, Verdict

CLAIM = Claim("a-1", 1, 1, 1, 1, float("inf"), lambda: 0.0)
TOKEN = AccessToken("token", 1, NOW, NOW)


class Api:
    """Answers a create."""

    def __init__(self, answer: Callable[[], Any]) -> None:
        """Take what it answers with."""
        self._answer = answer

    def create_invite(self, *_: Any, **__: Any) -> Any:
        """Answer."""
        return self._answer()


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    """Give a database whose every statement is refused in a way that nobody has a word for."""
    made = Database(f"sqlite:///{tmp_path / 'worker.db'}")

    def refuse(*_: Any) -> None:
        raise sa.exc.InvalidRequestError

    sa.event.listen(made.engine, "before_cursor_execute", refuse)
    yield made
    made.dispose()


def made(database: Database, answer: Callable[[], Any], **row: Any) -> tuple[Outcome, EnvoyError | None]:
    """Make a request, and return what it came to."""
    work = Work(Lane(1, "acme"), due_row(**row), Call(Kind.CREATE))
    judge = Judge(database, recreate=False)
    return Requests(Api(answer), judge).make(work, CLAIM, TOKEN)  # type: ignore[arg-type]


def test_an_answer_that_nobody_expected_leaves_a_doubt(database: Database) -> None:
    """It is the attempt's verdict, and not the end of the run: Envoy has executed something."""
    outcome, error = made(database, lambda: Written(201, object()))  # type: ignore[arg-type]

    assert outcome.verdict is Verdict.UNKNOWN
    assert isinstance(error, OutcomeUnknown)


def test_a_database_that_is_at_odds_costs_no_verdict(database: Database) -> None:
    """What came back is judged without what is stored: the row is deferred."""
    error = Forbidden(http_status=403)

    def refuse() -> None:
        raise error

    outcome, raised = made(database, refuse, error_code="forbidden")

    assert (outcome.verdict, raised) == (Verdict.DEFERRED, error)
