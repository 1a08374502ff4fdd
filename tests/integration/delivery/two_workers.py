"""Two workers on one database whose clock is turned by hand, and the verbs of whatever may happen to them."""

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from tests import worker_rows
from tests.integration.delivery.worker_with_sandbox import WorkerWithSandbox
from tests.waiting import wait_until
from worker.connections.vault import new_key
from worker.errors import WorkerError
from worker.failpoints import armed
from worker.invites import moves, store
from worker.sandbox import Faults, Sandbox
from worker.sandbox.faults import faults_from_json

SETTINGS = {
    "WORKER_PUSH__BACKOFF_SECONDS": "[1, 4]",
    "WORKER_PUSH__HOLD_SECONDS": "[1, 4]",
    "WORKER_RECONCILE__LOOK_UP_AFTER": "[5, 30]",
}
SCOPES = ["locations.read", "flows.read", "invites.write", "token.refresh"]
LEASE_SECONDS = 60
OPEN = "SELECT id FROM attempt WHERE verdict IS NULL AND kind IN ('create', 'update', 'remove')"


FIRST_DAY = (datetime.now(UTC) + timedelta(days=30)).replace(hour=10, minute=0, second=0, microsecond=0)


def arrival(day: int) -> str:
    """Return a time of arrival, so many days after the first one."""
    return (FIRST_DAY + timedelta(days=day)).isoformat()


def visitor(key: str) -> str:
    """Return the name of a visit's visitor: one that may come back from Envoy in another form."""
    return f"Visitor {key} & Zo\u00eb \U0001f600"


class CrashError(BaseException):
    """The end of a process, as far as one process can play it."""


@dataclass(frozen=True)
class Circumstances:
    """What a worker meets: time has passed, Envoy is in some mood, a caller has changed a visit, or not."""

    number: int  # of the visit that is changed
    columns: dict[str, Any]
    seconds: int
    mood: dict[str, Any]  # faults, as JSON has them


class TwoWorkers:
    """One customer, one sandbox, and the workers A and B; the leases of both end by the clock only."""

    def __init__(self, database_url: str, *, reading: bool) -> None:
        """Connect the customer, who lets us read invites or not."""
        self.now = datetime.now(UTC) + timedelta(days=1)  # ahead of the triggers' clock, so that rows are due
        self.sandbox = Sandbox().start()
        scopes = [*SCOPES, "invites.read"] if reading else SCOPES
        shared = {
            **SETTINGS,
            "WORKER_ENCRYPTION_KEYS": new_key(),
            "WORKER_ENVOY__SCOPES": json.dumps(scopes),
        }
        self.workers = {
            name: WorkerWithSandbox(
                database_url,
                self.sandbox,
                lambda: self.now,
                WORKER_PUSH__CONCURRENCY=str(concurrency),
                **shared,
            )
            for name, concurrency in (("A", 1), ("B", 2))
        }
        self.worker = self.workers["A"]
        self.worker.connect()
        self.keys: list[str] = []
        self._cut_off: set[str] = set()

    def close(self) -> None:
        """End everything."""
        for worker in self.workers.values():
            worker.context.__exit__(None, None, None)
        self.sandbox.stop()

    def pass_time(self, seconds: float) -> None:
        """Turn the database's clock, forward or back."""
        self.now += timedelta(seconds=seconds)

    def meet(self, circumstances: Circumstances) -> None:
        """Let something happen around the workers before one of them does something."""
        self.pass_time(circumstances.seconds)
        self.sandbox.set_faults(faults_from_json(circumstances.mood))
        if circumstances.columns:
            self.change(self.keys[circumstances.number % len(self.keys)], **circumstances.columns)

    def add(self, **columns: Any) -> str:
        """Insert a visit whose name nobody else has, and return its key."""
        key = f"v-{len(self.keys) + 1}"
        self.keys.append(key)
        self.worker.add(key, **{"expected_arrival_at": arrival(0), "invitee_name": visitor(key), **columns})
        return key

    def add_unseen(self) -> str:
        """Insert a visit as a program does that no trigger fires for, and return its key."""
        key = self.add()
        worker_rows.lose_delivery(self.worker, key)
        return key

    def change(self, key: str, **columns: Any) -> None:
        """Change a visit, as its caller would."""
        assigned = ", ".join(f"{name} = :{name}" for name in columns)
        self.worker.execute(f"UPDATE invite SET {assigned} WHERE external_id = :key", key=key, **columns)  # noqa: S608

    def crash(self, job: Callable[[], object], place: str, nth: int) -> None:
        """Do a job whose process ends at that place, if it comes there."""

        def end() -> None:
            raise CrashError

        try:
            with armed(place, nth=nth, action=end):
                job()
        except CrashError:
            self._let_envoy_finish(place)

    def _let_envoy_finish(self, place: str) -> None:
        """Wait until Envoy has dealt with what the dead process had sent."""
        cut_off = {row["id"] for row in self.worker.rows(OPEN)} - self._cut_off
        self._cut_off |= cut_off
        if place == "after_bytes_written":
            wait_until(lambda: cut_off <= {one["request_id"] for one in self.sandbox.ledger()["attempts"]})

    def interrupt(self, job: Callable[[], object], place: str, in_between: Callable[[], object]) -> None:
        """Do a job, and something else while its first request is answered and its verdict not stored."""
        with armed(place, action=in_between):
            job()

    def all_at_once(self) -> None:
        """Let every worker push and look up at the same time."""
        jobs = [job for worker in self.workers.values() for job in (worker.push, worker.reconcile)]
        with ThreadPoolExecutor(len(jobs)) as pool:
            for done in [pool.submit(job) for job in jobs]:
                done.result()

    def say_restored(self) -> None:
        """Let an operator say that the database comes from a backup, and the customer authorise again."""
        self.sandbox.set_faults(Faults())
        self.worker.begin_restored()
        self.worker.connect()

    def renew_token(self, worker: str) -> None:
        """Let a worker get a new access token, if it can."""
        (row,) = self.worker.rows("SELECT id, token_version FROM connection")
        with suppress(WorkerError):
            self.workers[worker].context.tokens.access(row["id"], rejected_version=row["token_version"])

    def unknown(self) -> list[str]:
        """Return the visits of which it is not known whether Envoy has them."""
        query = "SELECT external_id FROM delivery WHERE status = 'unknown' ORDER BY id"
        return [row["external_id"] for row in self.worker.rows(query)]

    def in_envoy(self, key: str) -> list[dict[str, Any]]:
        """Return Envoy's invites of a visit, as a person finds them: by name."""
        return [one for one in self.sandbox.invites() if one["invitee"]["name"] == visitor(key)]

    def create_by_hand(self, key: str) -> str:
        """Let a person create an invite that is equal to a visit of the first day, and return its id."""
        (connection,) = self.worker.rows("SELECT id FROM connection")
        (place,) = self.worker.rows("SELECT envoy_id FROM location WHERE name = 'Berlin'")
        context = self.worker.context
        made = context.api.create_invite(
            context.tokens.access(connection["id"]).value,
            {
                "locationId": place["envoy_id"],
                "expectedArrivalAt": FIRST_DAY.strftime("%Y-%m-%dT%H:%M:%SZ"),
                "invitee": {"name": visitor(key)},
            },
            request_id="by-hand",
        )
        assert made.invite is not None
        return made.invite.id

    def resolve(self, key: str) -> None:
        """Let a person look into Envoy, and say what is there."""
        database = self.worker.context.database
        found = [one["id"] for one in self.in_envoy(key)]
        standing = store.require(database, f"acme/{key}")
        moves.resolve(database, standing, envoy_invite_id=found[0] if found else None)

    def run_dry(self) -> None:
        """Let all trouble be over, and the workers do what is due, until nothing is."""
        self.sandbox.set_faults(Faults())
        self.now = max(self.now, datetime.now(UTC))
        for place in ("Berlin", "Singapore"):
            self.add(location=place)  # one that is surely there proves that look-ups find what is there
        for _ in range(30):
            self.pass_time(2 * LEASE_SECONDS)
            for worker in self.workers.values():
                worker.push()
                worker.reconcile()
            self._resolve_all()
            if self.worker.rows("SELECT 1 FROM delivery WHERE refused_at IS NOT NULL"):
                self._show_that_writes_go_through()
            if not self.worker.rows("SELECT 1 FROM delivery WHERE status NOT IN ('sent', 'withdrawn')"):
                return
        stuck = self.worker.rows("SELECT external_id, status, error_code FROM delivery")
        raise AssertionError(f"it never ends: {stuck}")

    def _show_that_writes_go_through(self) -> None:
        """Let another visit be made, changed and removed: then a refusal is known to be Envoy's own."""
        key = self.add(expected_arrival_at=arrival(9))
        for columns in ({"notes": "b"}, {"wanted": "absent"}):
            self.worker.push()
            self._resolve_all()  # after a restore it is in doubt first
            self.worker.push()
            self.pass_time(1)
            self.change(key, **columns)
        self.worker.push()

    def _resolve_all(self) -> None:
        """Let a person settle what no look settles."""
        for row in self.worker.rows("SELECT * FROM delivery WHERE status = 'unknown'"):
            if row["next_attempt_at"] is None or "invites.read" not in self._scopes():
                self.resolve(row["external_id"])

    def _scopes(self) -> str:
        return str(self.worker.rows("SELECT scopes FROM connection")[0]["scopes"])
