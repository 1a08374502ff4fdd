"""What tests write into the worker's own tables, each by a verb: who changes the schema changes it here.

The callers' table ``invite`` has none: its SQL is the contract, and tests write it as callers do.  Without a
name or a key, a verb is about every row.
"""

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any, Protocol

import sqlalchemy as sa

from worker.database import Database

PAST, LONG_AGO = "2020-01-01T00:00:00.000Z", "2020-06-01T10:00:00.000Z"


class Executor(Protocol):
    """What runs a statement, as a rule in a transaction of its own."""

    def execute(self, statement: str, **values: Any) -> None:
        """Run it."""


class At:
    """A database, for tests that have nothing else that runs statements."""

    def __init__(self, database: Database) -> None:
        """Take it."""
        self._database = database

    def execute(self, statement: str, **values: Any) -> None:
        """Run one statement in a transaction of its own."""
        with self._database.write() as connection:
            connection.execute(sa.text(statement), values)


class In:
    """A transaction of the test's own, for what must be written in it: for a lock, a race, or many rows."""

    def __init__(self, connection: sa.Connection) -> None:
        """Take its connection."""
        self._connection = connection

    def execute(self, statement: str, **values: Any) -> None:
        """Run one statement in it."""
        self._connection.execute(sa.text(statement), values)


def set_every_row(at: Executor, table: str, /, **columns: Any) -> None:
    """Write columns of all rows of a table that is taken from the schema, as damage would."""
    _update(at, table, columns)


# Connections.


def add_connection(at: Executor, name: str = "acme", **columns: Any) -> None:
    """Have a connection without a grant."""
    _insert(at, "connection", name=name, **columns)


def add_connection_like_it(
    at: Executor, name: str, *, status: str = "active", company_id: Any = None
) -> None:
    """Have a connection more, as old as the one that there is, and without a grant."""
    at.execute(
        "INSERT INTO connection (name, status, company_id, created_at, updated_at)"
        " SELECT :name, :status, :company_id, created_at, updated_at FROM connection",
        name=name,
        status=status,
        company_id=company_id,
    )


def add_connections(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Have many connections, which all say the same columns."""
    _insert_all(connection, "connection", rows)


def call_connection(at: Executor, name: str, company_id: str = "x") -> None:
    """Give the connection that there is another name and company: its old ones are free again."""
    _connection(at, None, {"name": name, "company_id": company_id})


def set_connection(at: Executor, which: str | None = None, /, **columns: Any) -> None:
    """Write columns of a connection, as a worker, an operator or time would."""
    _connection(at, which, columns)


def pause(at: Executor, name: str | None = None) -> None:
    """Let an operator have paused a connection."""
    _connection(at, name, {"hold_reason": "paused"})


def hold(at: Executor, reason: str, until: Any, name: str | None = None) -> None:
    """Hold a connection until then."""
    _connection(at, name, {"hold_reason": reason, "held_until": until})


def end_holds(at: Executor) -> None:
    """Let no connection be held; how often one was held in a row stays."""
    _connection(at, None, {"hold_reason": None, "held_until": None})


def forget_holds(at: Executor) -> None:
    """Let no connection be held, nor have been."""
    _connection(at, None, {"hold_reason": None, "held_until": None, "hold_count": 0})


def end_waits(at: Executor) -> None:
    """Let no connection be held, wait, or be kept from refreshing."""
    _connection(at, None, {"held_until": None, "hold_reason": None, "refresh_retry_at": None})
    _connection(at, None, {"waits_until": None})


def let_stored_holds_end(at: Executor) -> None:
    """Let the time of every stored hold have come: of connections, and of the host."""
    _let_end(at, "connection", "waits_until")
    _let_end(at, "connection", "held_until")
    _let_end(at, "host", "held_until")
    _let_end(at, "host", "refused_until")


def remove_connection(at: Executor, name: str | None = None) -> None:
    """Let a connection have been removed."""
    _connection(at, name, {"status": "removed"})


def delete_connection(at: Executor, name: str) -> None:
    """Leave nothing of a connection, which no release does."""
    at.execute(f"DELETE FROM connection{_where(name=name)}", **_bound(name=name))  # noqa: S608


def need_authorisation(at: Executor, name: str | None = None) -> None:
    """Let a connection have a dead grant."""
    _connection(at, name, {"status": "needs_authorisation", "status_reason": "x"})


def let_access_tokens_end(at: Executor, name: str | None = None) -> None:
    """Let an access token be over, so that the next use refreshes it."""
    wanted = _where(name=name)
    at.execute(f"UPDATE connection SET access_expires_at = access_issued_at{wanted}", **_bound(name=name))  # noqa: S608


def store_tokens(at: Executor, name: str | None = None, **sealed: Any) -> None:
    """Put *access* and *refresh* in the place of the sealed tokens."""
    _connection(at, name, {f"{kind}_token_enc": value for kind, value in sealed.items()})


def mail_by_default(at: Executor, *, mails: bool) -> None:
    """Have visitors mailed, or not, where a visit does not say."""
    _connection(at, None, {"default_send_email": mails})


def allow_scope(at: Executor, scope: str) -> None:
    """Let every grant have one scope more than it has."""
    at.execute("UPDATE connection SET scopes = scopes || :more", more=f" {scope}")


def let_read_invites(at: Executor, *, may: bool) -> None:
    """Note whether a customer lets us read invites."""
    _connection(at, None, {"can_read_invites": may})


# Directories.


def let_directories_be_due(at: Executor) -> None:
    """Let no directory have been read."""
    _connection(at, None, {"directory_refreshed_at": None})


def add_location(at: Executor, connection_id: int, envoy_id: str, name: str, **columns: Any) -> None:
    """Have a location in a directory, which Envoy need not have."""
    row = {"connection_id": connection_id, "envoy_id": envoy_id, "name": name, "enabled": True, **columns}
    _insert(at, "location", **row)


def call_location(at: Executor, connection_id: int, envoy_id: str, name: str) -> None:
    """Let a location have had another name when its directory was read."""
    _update(at, "location", {"name": name}, connection_id=connection_id, envoy_id=envoy_id)


def remove_locations(at: Executor, connection_id: int | None = None, envoy_id: str | None = None) -> None:
    """Take locations out of a directory."""
    given = {"connection_id": connection_id, "envoy_id": envoy_id}
    at.execute(f"DELETE FROM location{_where(**given)}", **_bound(**given))  # noqa: S608


def let_employees_have_been_read(at: Executor, moment: Any) -> None:
    """Let what is known of hosts be from then."""
    _update(at, "employee", {"read_at": moment})


# Hosts of Envoy's API.


def add_host(at: Executor, name: str, **columns: Any) -> None:
    """Have something stored about a host."""
    _insert(at, "host", name=name, **columns)


def set_hosts(at: Executor, **columns: Any) -> None:
    """Write columns of every host, as a worker would."""
    _update(at, "host", columns)


def note_envoy_time(at: Executor, name: str, moment: str) -> None:
    """Let a host's clock have been seen to show this, at that very time."""
    add_host(at, name, hold_count=0, refused_count=0, envoy_time=moment, envoy_time_seen_at=moment)


def forget_hosts(at: Executor) -> None:
    """Have nothing stored about any host."""
    at.execute("DELETE FROM host")


def forget_refusals(at: Executor) -> None:
    """Let no host have refused all."""
    _update(at, "host", {"refused_until": None, "refused_count": 0, "refusal": None})


# Deliveries.


def add_delivery(at: Executor, key: str, connection: str = "acme", **columns: Any) -> None:
    """Have a delivery without an invite."""
    _insert(at, "delivery", connection=connection, external_id=key, **columns)


def add_deliveries(connection: sa.Connection, rows: Iterable[Mapping[str, Any]]) -> None:
    """Have many deliveries without invites, which all say the same columns."""
    _insert_all(connection, "delivery", rows)


def make_missing_deliveries(at: Executor) -> None:
    """Make the delivery of every invite, as a worker does that heals; none may have one."""
    at.execute(
        "INSERT INTO delivery (connection, external_id, invite_id, next_attempt_at)"
        " SELECT connection, external_id, id, created_at FROM invite"
    )


def set_delivery(at: Executor, key: str | None = None, /, **columns: Any) -> None:
    """Write columns of a delivery, as a worker, time or another release would."""
    _delivery(at, key, columns)


def set_status(at: Executor, status: str, key: str | None = None) -> None:
    """Let a delivery have come to this, and the rest of its row stay."""
    _delivery(at, key, {"status": status})


def finish_long_ago(at: Executor, status: str, *, first: int | None = None) -> None:
    """Let every delivery, or only so many, have come to its end in the middle of 2020."""
    statement = "UPDATE delivery SET status = :status, next_attempt_at = NULL, updated_at = :ended"
    some = " WHERE id <= :first" if first is not None else ""
    values = {} if first is None else {"first": first}
    at.execute(statement + some, status=status, ended=LONG_AGO, **values)


def let_all_be_sent(at: Executor) -> None:
    """Let Envoy have every invite as it is."""
    at.execute(
        "UPDATE delivery SET status = 'sent', envoy_invite_id = 'e-' || id, sent_revision = revision,"
        " next_attempt_at = NULL"
    )


def abandon_attempt(at: Executor, key: str | None = None) -> None:
    """Let the last attempt be on its way, and of a process that is no more, with a lease that is over."""
    wanted = _where(external_id=key)
    statement = (
        f"UPDATE delivery SET status = 'sending', lease_owner = 'nobody', lease_until = created_at{wanted}"  # noqa: S608
    )
    at.execute(statement, **_bound(external_id=key))


def begin_unrecorded(at: Executor, name: str, key: str, *, owner: str) -> None:
    """Let an attempt of this owner be on its way that the ledger has not, with a lease that is over."""
    wanted = _where(external_id=key)
    statement = (
        "UPDATE delivery SET status = 'sending', fencing_token = fencing_token + 1, attempt_id = :name,"  # noqa: S608
        f" lease_owner = :owner, lease_until = created_at{wanted}"
    )
    at.execute(statement, name=name, owner=owner, **_bound(external_id=key))


def let_another_have_tried(at: Executor) -> None:
    """Let another process have had every delivery for an attempt that came to nothing."""
    at.execute("UPDATE delivery SET fencing_token = fencing_token + 1")


def leave_in_doubt(at: Executor, name: str, key: str, **columns: Any) -> None:
    """Let the first attempt at a delivery, of this name, have ended in doubt."""
    _delivery(at, key, {"status": "unknown", "attempt_id": name, "fencing_token": 1, **columns})


def make_due(at: Executor) -> None:
    """Let every wait of a pending delivery be over."""
    at.execute("UPDATE delivery SET next_attempt_at = created_at WHERE status = 'pending'")


def make_looks_due(at: Executor) -> None:
    """Let the time of every next look have come."""
    at.execute(
        "UPDATE delivery SET next_attempt_at = created_at"
        " WHERE status = 'unknown' AND next_attempt_at IS NOT NULL"
    )


def put_off(at: Executor, until: Any) -> None:
    """Let no delivery be due before then."""
    _delivery(at, None, {"next_attempt_at": until})


def put_off_looks(at: Executor, until: Any) -> None:
    """Let no doubt be looked at before then."""
    at.execute("UPDATE delivery SET next_attempt_at = :until WHERE status = 'unknown'", until=until)


def let_leases_end(at: Executor) -> None:
    """Let the lease of every attempt that is on its way be over."""
    at.execute("UPDATE delivery SET lease_until = created_at WHERE status = 'sending'")


def let_sent_content_be(at: Executor, expression: str) -> None:
    """Let what Envoy has of every invite be stored as an expression of the database makes it."""
    at.execute(f"UPDATE delivery SET sent_content = {expression}")  # noqa: S608


def forget_sent_content(at: Executor) -> None:
    """Let it not be known what Envoy has of an invite."""
    _delivery(at, None, {"sent_content": None})


def count_interruptions(at: Executor, number: int, key: str) -> None:
    """Let so many attempts in a row have been interrupted."""
    _delivery(at, key, {"interruptions": number})


def doubt_since(at: Executor, moment: Any) -> None:
    """Let every doubt have begun then."""
    at.execute("UPDATE delivery SET unknown_since = :moment WHERE status = 'unknown'", moment=moment)


def forget_that_it_was_tried(at: Executor, key: str) -> None:
    """Take a delivery back to how a backup has it: never tried, and in no line of the ledger."""
    forget_attempts(at, key)
    at.execute(
        "UPDATE delivery SET status = 'pending', next_attempt_at = created_at, envoy_invite_id = NULL,"
        " approval_status = NULL, sent_content = NULL, sent_revision = NULL, sent_at = NULL,"
        " fencing_token = 0, attempts = 0, attempt_id = NULL, content_key = NULL WHERE external_id = :key",
        key=key,
    )


def lose_delivery(at: Executor, key: str | None = None) -> None:
    """Leave an invite without a delivery, as if no trigger had fired."""
    at.execute(f"DELETE FROM delivery{_where(external_id=key)}", **_bound(external_id=key))  # noqa: S608


# The ledger, and runs.


def begin_attempt(at: Executor, name: str, kind: str, *, owner: str, until: str) -> None:
    """Let the one delivery be on its way: an attempt of this owner, with a lease until then."""
    at.execute(
        "INSERT INTO attempt (id, delivery_id, kind, revision, fencing_token, owner, started_at)"
        " SELECT :name, id, :kind, revision, 1, :owner, updated_at FROM delivery",
        name=name,
        kind=kind,
        owner=owner,
    )
    row = {"status": "sending", "fencing_token": 1, "attempt_id": name, "lease_owner": owner}
    _delivery(at, None, {**row, "lease_until": until})


def add_attempt(at: Executor, name: str, key: str, **columns: Any) -> None:
    """Have a line of a delivery in the ledger: a first create, begun when the delivery was made."""
    given = {"id": name, "kind": "create", "revision": 1, "fencing_token": 1, **_plain(columns)}
    values = {**{column: f":{column}" for column in given}, "delivery_id": "id"}
    values.setdefault("started_at", "created_at")
    at.execute(
        f"INSERT INTO attempt ({', '.join(values)})"  # noqa: S608
        f" SELECT {', '.join(values.values())} FROM delivery{_where(external_id=key)}",
        **given,
        **_bound(external_id=key),
    )


def set_attempts(at: Executor, key: str | None = None, /, **columns: Any) -> None:
    """Write columns of what the ledger has of a delivery."""
    assigned = ", ".join(f"{column} = :{column}" for column in columns)
    at.execute(
        f"UPDATE attempt SET {assigned}{_of_delivery(key)}",  # noqa: S608
        **_plain(columns),
        **_bound(external_id=key),
    )


def let_attempts_have_begun(at: Executor, moment: Any, key: str | None = None) -> None:
    """Let the attempts at a delivery have begun then, by no clock but the database's."""
    set_attempts(at, key, started_at=moment, boot_seconds=None)


def unfinish_attempts(at: Executor, key: str | None = None) -> None:
    """Let the ledger not have what became of the attempts at a delivery."""
    set_attempts(at, key, verdict=None, finished_at=None, http_status=None, error_code=None)


def note_decisions(at: Executor, moment: str, name: str | None = None) -> None:
    """Let a person have decided something about every delivery then; a line's id is *name*, or the key."""
    at.execute(
        "INSERT INTO attempt (id, delivery_id, kind, revision, started_at)"
        " SELECT coalesce(:name, external_id), id, 'person', 1, :moment FROM delivery",
        moment=moment,
        name=name,
    )


def forget_attempts(at: Executor, key: str | None = None) -> None:
    """Leave nothing of a delivery in the ledger."""
    at.execute(f"DELETE FROM attempt{_of_delivery(key)}", **_bound(external_id=key))  # noqa: S608


def add_run(at: Executor, name: str, ended: str) -> None:
    """Have a run of the main job in the history."""
    _insert(at, "job_run", **_run(name, ended))


def add_runs(database: Database, ended: Mapping[str, str]) -> None:
    """Have many runs of the main job in the history, by their ids, each with its end."""
    with database.write() as connection:
        _insert_all(connection, "job_run", [_run(*one) for one in ended.items()])


def add_job(at: Executor, name: str, **columns: Any) -> None:
    """Have a job that has run, or is running."""
    _insert(at, "job", name=name, **columns)


def set_jobs(at: Executor, **columns: Any) -> None:
    """Write columns of every job, as its runs would."""
    _update(at, "job", columns)


# How it is written.


def _connection(at: Executor, name: str | None, columns: dict[str, Any]) -> None:
    _update(at, "connection", columns, name=name)


def _delivery(at: Executor, key: str | None, columns: dict[str, Any]) -> None:
    _update(at, "delivery", columns, external_id=key)


def _update(at: Executor, table: str, columns: dict[str, Any], **which: Any) -> None:
    assigned = ", ".join(f"{column} = :{column}" for column in columns)
    at.execute(f"UPDATE {table} SET {assigned}{_where(**which)}", **_plain(columns), **_bound(**which))  # noqa: S608


def _insert(at: Executor, table: str, **columns: Any) -> None:
    at.execute(_inserting(table, columns), **_plain(columns))


def _insert_all(connection: sa.Connection, table: str, rows: Iterable[Mapping[str, Any]]) -> None:
    values = [_plain(row) for row in rows]
    connection.execute(sa.text(_inserting(table, values[0])), values)


def _inserting(table: str, columns: Iterable[str]) -> str:
    names, values = ", ".join(columns), ", ".join(f":{column}" for column in columns)
    return f"INSERT INTO {table} ({names}) VALUES ({values})"  # noqa: S608


def _run(name: str, ended: str) -> dict[str, str]:
    times = {"started_at": ended, "finished_at": ended}
    return {
        "id": name, "job": "push_invites", "trigger": "schedule", "result": "done", "counts": "{}", **times,
    }  # fmt: skip


def _let_end(at: Executor, table: str, column: str) -> None:
    at.execute(f"UPDATE {table} SET {column} = :past WHERE {column} IS NOT NULL", past=PAST)  # noqa: S608


def _of_delivery(key: str | None) -> str:
    found = f" WHERE delivery_id IN (SELECT id FROM delivery{_where(external_id=key)})"  # noqa: S608
    return "" if key is None else found


def _plain(columns: Mapping[str, Any]) -> dict[str, Any]:
    """Return columns with their times as text, which both databases take."""
    return {
        name: value.astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%S.%f")[:-3] + "Z"
        if isinstance(value, datetime)
        else value
        for name, value in columns.items()
    }


def _where(**which: Any) -> str:
    wanted = [f"{column} = :which_{column}" for column, value in which.items() if value is not None]
    return f" WHERE {' AND '.join(wanted)}" if wanted else ""


def _bound(**which: Any) -> dict[str, Any]:
    return {f"which_{column}": value for column, value in which.items() if value is not None}
