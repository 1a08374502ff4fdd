"""Text of strangers, in every place that has some."""

import json
import random
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from worker.database import Database

FORGED = "FAIL forged"
ACTING = (
    "\x1b[31m", "\x1b]0;title\x07", "\x1b]8;;http://127.0.0.1/\x1b\\here", "\x9b2J", "\x9d", "\r", "\x08\x08",
    "\x7f", "\x85", "\v", "\f", "\u202e", "\u202d", "\u2066", "\u2069", "\u061c", "\u200e", "\u200f",
    "\u200b", "\u2060", "\ufeff", "\xad", "\U000e0041", "\ufff9", "\u2028" + FORGED, "\u2029" + FORGED,
    "\n" + FORGED, "\r\n" + FORGED, "\t", "\u3164",
)  # fmt: skip
MARKUP = ("[/nope]", "[link=http://127.0.0.1/]a[/link]", "[red]b", ":smile:", "[", "\\[x]")
TYPED = ("$(touch x)", "`touch x`", "'; touch x; '", "| touch x", "%s{0}{x}", "-x", "--json", "=1+1")
LETTERS = ("Ann", "Zoë", "漢字", "עִבְרִית", "ไทย", "\uff37", "山\u3000田", "🙂", "a b")
TABLES = (
    "attempt", "delivery", "invite", "employee", "location", "flow", "connection", "job", "job_run", "host",
)  # fmt: skip
HALF = "\ud800"  # of a pair: no database takes it, a command line does


def hostile(chance: random.Random, *, halves: bool = False) -> str:
    """Return a text of a stranger."""
    parts = [chance.choice(kind) for kind in (LETTERS, ACTING, MARKUP, TYPED, ACTING)]
    chance.shuffle(parts)
    return "".join([*parts[: chance.randint(1, 5)], chance.choice(ACTING), HALF if halves else ""])


def acts(sign: str) -> bool:
    """Return whether a character does something, or hides: said here once more, in other words."""
    return unicodedata.category(sign) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or sign in "\u3164\uffa0"


@dataclass(frozen=True, slots=True)
class StrangersDatabase:
    """A database with strangers' text in every column that may have some."""

    connections: Sequence[str]
    invites: Sequence[str]

    def commands(self, chance: random.Random) -> Iterator[tuple[str, ...]]:
        """Yield commands without end that show it, and some that name what is not there."""
        shown = (
            *(("invites", "show", one) for one in self.invites),
            *(("connections", "show", one) for one in self.connections),
        )
        fixed = (
            ("status",), ("check",), ("directory",), ("connections", "list"), ("invites", "list"),
            ("run-once", "--dry-run"), ("invites", "list", "--connection", chance.choice(self.connections)),
        )  # fmt: skip
        while True:
            yield chance.choice((*fixed, *shown))
            odd = hostile(chance, halves=chance.random() < 0.2)
            yield chance.choice(_typed(odd))

    def clear(self, database: Database) -> None:
        """Take all of it away."""
        with database.write() as connection:
            for table in TABLES:
                connection.execute(sa.text(f"DELETE FROM {table}"))  # noqa: S608 -- ours


def _typed(odd: str) -> Sequence[tuple[str, ...]]:
    """Return commands with a stranger's text where the operator's own should be."""
    return (
        (odd,), ("status", odd), ("status", "--connection", odd), (f"--{odd}",), ("invites", odd),
        ("invites", "show", odd), ("invites", "show", f"a/{odd}"), ("invites", "list", "--status", odd),
        ("invites", "list", "--limit", odd), ("invites", "import", f"/nowhere/{odd}"), ("directory", odd),
        ("connect", odd), ("connections", "show", odd), ("connections", "pause", "a", "--until", odd),
        ("connections", "list", "--status", odd), ("run-once", odd), ("run-once", "--connection", odd),
        ("invites", "resolve", odd, "--resend"), ("sandbox", "--port", odd), ("invites", "add", odd),
        ("demo", "--keep", f"/dev/null/{odd}"), ("invites", "withdraw", odd), ("db", odd),
    )  # fmt: skip


def settle(database: Database, chance: random.Random, rows: int = 6) -> StrangersDatabase:
    """Put strangers' text everywhere."""
    names = ["acme", *(hostile(chance)[:100] for _ in range(2))]
    keys = sorted({f"{number}{hostile(chance)}" for number in range(rows)})
    with database.write() as connection:
        for name in names:
            _connection(connection, name, chance)
        for number, key in enumerate(keys):
            _invite(connection, names[number % len(names)], key, chance)
        _invite(connection, f"gone {hostile(chance)}"[:100], "x", chance)
        found = connection.execute(sa.text("SELECT id, connection, external_id FROM delivery")).all()
        for row in found:
            _delivery(connection, row.id, chance)
        _of_the_workers_own(connection, chance)
    return StrangersDatabase(names, [f"{row.connection}/{row.external_id}" for row in found])


_LATER = "2035-05-01T10:00:00Z"
_UNKNOWN = {"status": "unknown", "attempts": 1, "fencing_token": 1, "next_attempt_at": None}
_STATES: Sequence[Mapping[str, object]] = (
    {},
    {"status": "rejected", "next_attempt_at": None},
    {"status": "sent", "sent_revision": 1, "next_attempt_at": None},
    _UNKNOWN,
)


def _insert(bind: sa.Connection, table: str, /, **values: object) -> None:
    columns, places = ", ".join(values), ", ".join(f":{name}" for name in values)
    bind.execute(sa.text(f"INSERT INTO {table} ({columns}) VALUES ({places})"), values)  # noqa: S608


def _texts(chance: random.Random, *names: str) -> dict[str, str]:
    return {name: hostile(chance) for name in names}


def _fields(chance: random.Random) -> str:
    return json.dumps({hostile(chance): hostile(chance)})


def _connection(bind: sa.Connection, name: str, chance: random.Random) -> None:
    """Insert a connection with a directory: each of its texts a stranger's."""
    texts = (
        "status_reason", "company_id", "refresh_error", "default_location", "default_flow", "scopes",
        "lease_owner", "lease_watched", "refresh_fingerprint",
        *chance.choice(((), ("access_token_enc", "refresh_token_enc"))),
    )  # fmt: skip
    status, reason = chance.choice(
        (("active", "rate_limited"), ("needs_authorisation", None), ("active", None))
    )
    held = {"status": status, "hold_reason": reason, "held_until": _LATER, "directory_refreshed_at": _LATER}
    own = {"default_custom_fields": _fields(chance), **_texts(chance, *texts)}
    _insert(bind, "connection", name=name, **held, **own)
    number = bind.execute(
        sa.text("SELECT id FROM connection WHERE name = :name"), {"name": name}
    ).scalar_one()
    for place in range(3):
        entry = {"connection_id": number, "envoy_id": f"{place}{hostile(chance)}", "enabled": True}
        _insert(bind, "location", **entry, **_texts(chance, "name", "timezone"))
        _insert(bind, "flow", **entry, **_texts(chance, "name", "type", "location_id"))


def _of_the_workers_own(bind: sa.Connection, chance: random.Random) -> None:
    """Insert what only the worker writes: about jobs, hosts and employees."""
    for job in ("push_invites", hostile(chance)):
        _insert(
            bind,
            "job",
            name=job,
            last_run_at=_LATER,
            **_texts(chance, "last_result", "lease_owner", "seen_boot"),
        )
    times = {"started_at": _LATER, "finished_at": _LATER}
    counts = json.dumps({hostile(chance): 1})
    _insert(bind, "job_run", **_texts(chance, "id", "job", "trigger", "result"), **times, counts=counts)
    for name in ("127.0.0.1:9", hostile(chance)):
        _insert(bind, "host", name=name, **_texts(chance, "probe_owner", "refusal"))
    number = bind.execute(sa.text("SELECT min(id) FROM connection")).scalar_one()
    found = json.dumps([{hostile(chance): hostile(chance)}])
    _insert(bind, "employee", connection_id=number, sought=hostile(chance), found=found, read_at=_LATER)


def _invite(bind: sa.Connection, name: str, key: str, chance: random.Random) -> None:
    mails = {column: f"a@b{hostile(chance)}" for column in ("invitee_email", "host_email")}
    _insert(
        bind, "invite", connection=name, external_id=key, expected_arrival_at=_LATER, **mails,
        custom_fields=_fields(chance), host_employee_id=hostile(chance)[:64],
        **_texts(chance, "invitee_name", "location", "flow", "notes"),
    )  # fmt: skip


def _delivery(bind: sa.Connection, number: int, chance: random.Random) -> None:
    """Let an invite stand in one of the ways that there are, with a line in the ledger."""
    ids = {name: f"{number}{hostile(chance)}" for name in ("envoy_invite_id", "attempt_id")}
    state = {
        **_STATES[number % len(_STATES)],
        **_texts(chance, "error_code", "error_detail", "approval_status"),
    }
    state |= {name: ids[name] for name in ids if (name == "attempt_id") == (state.get("status") == "unknown")}
    if state.get("status") not in {"sent", "unknown"}:
        state.pop("envoy_invite_id", None)
    changes = ", ".join(f"{name} = :{name}" for name in state)
    bind.execute(sa.text(f"UPDATE delivery SET {changes} WHERE id = :id"), {**state, "id": number})  # noqa: S608
    _insert(
        bind, "attempt", id=f"{number}", delivery_id=number, kind="create", revision=1, fencing_token=1,
        started_at=_LATER, verdict="rejected", http_status=422,
        **_texts(chance, "error_code", "detail", "envoy_invite_id", "owner", "run_id", "refusal"),
    )  # fmt: skip
