"""Connections as the operator sees and moves them."""

from datetime import timedelta

import pytest
from structlog.testing import capture_logs

from tests.integration.connections.worker_with_token_endpoint import START, WorkerWithTokenEndpoint
from worker.connections import store
from worker.connections.states import ConnectionStatus, HoldReason
from worker.errors import UsageError


def test_an_unknown_name_is_answered_with_the_nearest(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """A typo costs one look at the hint."""
    sqlite_worker.connect("acme-berlin", "1")
    sqlite_worker.connect("globex", "2")

    with pytest.raises(UsageError, match="acme-berln") as caught:
        store.require(sqlite_worker.database, "acme-berln")

    assert "acme-berlin" in caught.value.hint
    assert "globex" not in caught.value.hint


def test_without_any_connection_the_hint_is_to_connect(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """An empty table has no nearest name."""
    with pytest.raises(UsageError) as caught:
        store.require(sqlite_worker.database, "acme")

    assert "envoy-worker connect" in caught.value.hint


def test_a_view_shows_what_matters_and_no_token(worker: WorkerWithTokenEndpoint) -> None:
    """Status, company, scopes and times are shown; nothing that could be a token."""
    worker.connect()

    (view,) = store.views(worker.database)

    assert (view.name, view.status, view.company_id) == ("acme", ConnectionStatus.ACTIVE, "10000")
    assert view.scopes == "invites.write"
    assert view.access_expires_at == START + timedelta(hours=1)
    assert "token" not in " ".join(type(view).__slots__)


def test_a_row_shows_no_token_in_its_repr(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """A row in a traceback or log tells nothing, not even the ciphertext."""
    sqlite_worker.connect()

    assert "token_enc" not in repr(sqlite_worker.row())


def test_a_paused_connection_is_held_until_it_is_resumed(worker: WorkerWithTokenEndpoint) -> None:
    """A pause without an end lasts through any length of time."""
    worker.connect()
    with capture_logs() as events:
        store.pause(worker.database, "acme")
        worker.clock.advance(10**8)
        (paused,) = store.views(worker.database)
        assert store.resume(worker.database, "acme") is True
    (resumed,) = store.views(worker.database)

    assert (paused.status, paused.hold_reason) == (ConnectionStatus.HELD, HoldReason.PAUSED)
    assert (resumed.status, resumed.hold_reason) == (ConnectionStatus.ACTIVE, None)
    assert [(event["event"], event["log_level"]) for event in events] == [
        ("connection.held", "info"),
        ("connection.released", "info"),
    ]


def test_a_pause_with_an_end_ends_by_itself(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Also one of many days, which no other hold may last."""
    sqlite_worker.connect()
    store.pause(sqlite_worker.database, "acme", START + timedelta(days=30))

    sqlite_worker.clock.advance(29 * 86_400)
    (paused,) = store.views(sqlite_worker.database)
    sqlite_worker.clock.advance(86_400)
    (over,) = store.views(sqlite_worker.database)

    assert (paused.status, paused.held_until) == (ConnectionStatus.HELD, START + timedelta(days=30))
    assert (over.status, over.hold_reason, over.held_until) == (ConnectionStatus.ACTIVE, None, None)


def test_resuming_what_is_not_held_says_so(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """The command can tell the operator that there was nothing to do."""
    sqlite_worker.connect()

    assert store.resume(sqlite_worker.database, "acme") is False


def test_resuming_ends_a_cool_down_and_a_cut_pace(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Anyone who resumes wants it tried now."""
    sqlite_worker.connect()
    sqlite_worker.change(
        hold_reason=HoldReason.FORBIDDEN,
        held_until=sqlite_worker.clock() + timedelta(seconds=60),
        forbidden_count=3,
        pace_per_second=0.1,
        refresh_retry_at=sqlite_worker.clock() + timedelta(seconds=60),
    )
    store.resume(sqlite_worker.database, "acme")

    row = sqlite_worker.row()
    assert (row.hold_reason, row.forbidden_count, row.pace_per_second) == (None, 0, None)
    assert row.refresh_retry_at is None


def test_a_removed_connection_keeps_its_row_and_no_token(worker: WorkerWithTokenEndpoint) -> None:
    """Its invites still know whose they were; Envoy's tokens are wiped."""
    worker.connect()
    store.remove(worker.database, "acme")

    row = worker.row()
    assert (row.status, row.company_id) == (ConnectionStatus.REMOVED, "10000")
    assert (row.access_token_enc, row.refresh_token_enc) == (None, None)
    assert store.names(worker.database) == ["acme"]


def test_a_dead_grant_is_shown_as_such_also_while_it_is_paused(
    sqlite_worker: WorkerWithTokenEndpoint,
) -> None:
    """What needs a person is not hidden behind a hold."""
    sqlite_worker.connect()
    sqlite_worker.change(status=ConnectionStatus.NEEDS_AUTHORISATION)
    store.pause(sqlite_worker.database, "acme")

    (view,) = store.views(sqlite_worker.database)

    assert view.status == ConnectionStatus.NEEDS_AUTHORISATION


def test_defaults_are_set_left_and_cleared(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """None clears a default; one that is not named stays."""
    sqlite_worker.connect()
    store.set_defaults(sqlite_worker.database, "acme", default_location="Berlin", default_flow="Visitor")
    store.set_defaults(sqlite_worker.database, "acme", default_flow=None)

    assert (sqlite_worker.row().default_location, sqlite_worker.row().default_flow) == ("Berlin", None)


def test_default_custom_fields_are_changed_from_what_is_there(worker: WorkerWithTokenEndpoint) -> None:
    """The change is shown the present ones, nothing where the column holds something odd; {} clears them."""
    worker.connect()
    seen: list[dict[str, str]] = []

    def change_to(fields: dict[str, str]) -> None:
        def revise(present: dict[str, str]) -> dict[str, str]:
            seen.append(present)
            return fields

        store.set_defaults(worker.database, "acme", custom_fields=revise)

    change_to({"Company": "Example Ltd"})
    change_to({"Company": "Example GmbH"})
    (view,) = store.views(worker.database)
    change_to({})
    empty = worker.row().default_custom_fields
    worker.change(default_custom_fields=["odd"])
    change_to({"Company": "Example Ltd"})

    assert seen == [{}, {"Company": "Example Ltd"}, {"Company": "Example GmbH"}, {}]
    assert (view.default_custom_fields, empty) == ({"Company": "Example GmbH"}, None)
    assert "Example" not in repr(view) + repr(worker.row())


def test_only_defaults_can_be_set_as_defaults(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """A caller's mistake does not reach another column."""
    sqlite_worker.connect()
    with pytest.raises(TypeError, match="status"):
        store.set_defaults(sqlite_worker.database, "acme", status="removed")


def test_what_a_probe_showed_is_stored(sqlite_worker: WorkerWithTokenEndpoint) -> None:
    """Whether invites can be read decides what becomes of doubtful creates."""
    number = sqlite_worker.connect()
    store.note_reading(sqlite_worker.database, number, can_read=False)

    assert sqlite_worker.row().can_read_invites is False


@pytest.mark.parametrize("name", ["", "a/b", "-x", "ä", "a b", "x" * 101, "a\n"])
def test_names_that_would_not_fit_a_command_line_are_refused(name: str) -> None:
    """An invite is named CONNECTION/EXTERNAL_ID, so the name has no slash and no blank."""
    with pytest.raises(UsageError, match="letters"):
        store.check_name(name)
