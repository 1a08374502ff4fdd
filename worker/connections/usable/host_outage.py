"""The outage of a whole host, stored: until when nobody sends, and who may ask whether it answers again.

``hold_count`` says how often in a row the host did not answer; above 0 nothing is claimed.  While it
lasts, its connections have the same hold, so that everyone who looks at a connection sees it.
"""

from collections.abc import Collection
from datetime import datetime, timedelta

import sqlalchemy as sa
import structlog

from worker.backoff import BackOff
from worker.connections.model import CONNECTIONS, HOSTS, Connection, Host
from worker.connections.rows import clock_of
from worker.connections.states import ConnectionStatus, HoldReason
from worker.connections.usable.holds import is_held
from worker.connections.usable.moves import announce_outage
from worker.connections.usable.pace import cut_in_sql
from worker.connections.usable.rules import HOLD_MAXIMUM, is_for_a_person
from worker.database import Database
from worker.database.ahead import is_too_far, lies_ahead
from worker.database.owner import is_dead, this_process
from worker.database.repeating import repeated
from worker.database.statements.loaded import loaded
from worker.errors import EnvoyError

PROBE_SECONDS = 60.0  # longer than a probe with its repeats, for the usual timeout

log = structlog.get_logger()


def is_out(host: str, *, trial: sa.ColumnElement[bool]) -> sa.ColumnElement[bool]:
    """Return the condition that a host is known not to answer, or to refuse all but for a *trial*."""
    refuses = HOSTS.c.refused_until.is_not(None) & ~trial
    return sa.exists().where(HOSTS.c.name == host, sa.or_(HOSTS.c.hold_count > 0, refuses))


def register(writer: sa.Connection, host: str) -> None:
    """Have a row for a host."""
    writer.execute(_REGISTER, {"name": host})


class Outages:
    """How one host stands, for all workers together."""

    def __init__(
        self, database: Database, host: str, *, hold_seconds: tuple[float, float], rate_per_second: float
    ) -> None:
        """Take the least and the most that a hold lasts, and the pace of undisturbed sending."""
        self.host = host
        self._database = database
        self._back_off = BackOff(*hold_seconds)
        self._rate = rate_per_second
        # An outer join to one row of time: most databases have never seen an outage.
        time = sa.select(database.now().label("database_time")).subquery()
        self._unknown = dict.fromkeys(HOSTS.c.keys()) | {"name": host, "hold_count": 0, "refused_count": 0}
        self._look = sa.select(time, HOSTS).outerjoin_from(time, HOSTS, HOSTS.c.name == host)

    def look(self) -> tuple[Host, datetime]:
        """Return how the host stands, and the database's time."""
        with self._database.read() as connection:
            return self.look_in(connection)

    def look_in(self, reader: sa.Connection) -> tuple[Host, datetime]:
        """Do the same in the caller's transaction."""
        found = dict(reader.execute(self._look).mappings().one())
        now: datetime = found.pop("database_time")
        return loaded(Host, found if found["name"] is not None else self._unknown), now

    @repeated
    def take_probe(self, seen: Host) -> bool:
        """Take the right to ask the host, which one process has at a time; False where another has it.

        It ends by itself, with its owner's death, and with the verdict of the one who asked.
        """
        own = HOSTS.c
        dead = seen.probe_owner if is_dead(seen.probe_owner) else None
        free = sa.or_(
            own.probe_owner.is_(None),
            own.probe_owner == dead,
            own.probe_until <= self._database.now(),  # with its last moment, unlike `has_ended`
            is_too_far(self._database, own.probe_until, PROBE_SECONDS),
        )
        lease = {"probe_owner": this_process(), "probe_until": self._database.later(PROBE_SECONDS)}
        with self._database.write() as connection:
            return self._change(connection, seen, free, **lease)

    @repeated
    def give_back(self, seen: Host) -> None:
        """End the right to ask, without a verdict."""
        mine = HOSTS.c.probe_owner == this_process()
        with self._database.write() as connection:
            self._change(connection, seen, mine, probe_owner=None, probe_until=None)

    def is_alone(self, connection_id: int) -> bool:
        """Return whether no other connection is there that could be asked with."""
        own = CONNECTIONS.c
        in_use = ~is_for_a_person()
        another = sa.exists().where(own.status == ConnectionStatus.ACTIVE, in_use, own.id != connection_id)
        with self._database.read() as connection:
            return not connection.execute(sa.select(another)).scalar()

    @repeated
    def hold(self, seen: Host, cause: EnvoyError, *, failed: Collection[int] = ()) -> None:
        """Hold every connection that is not held for another reason, longer each time.

        *failed* are those whose probes failed: what they are held for by themselves was the host's.
        Nothing happens where somebody else has said how the host stands since it was *seen*.
        """
        seconds = min(self._back_off.jittered(seen.hold_count), HOLD_MAXIMUM)
        with self._database.write() as connection:
            register(connection, self.host)
            now = clock_of(connection, self._database)
            until = now + timedelta(seconds=seconds)
            values = {"hold_count": seen.hold_count + 1, "held_until": until, "held_since": now}
            if not self._change(connection, seen, sa.true(), **values, probe_owner=None, probe_until=None):
                return
            number = connection.execute(self._hold_connections(seen, until, failed)).rowcount
        announce_outage(until, cause, host=self.host, number=number)

    @repeated
    def end(self, seen: Host) -> None:
        """Release the connections that were held along with the host, since it answers."""
        own = CONNECTIONS.c
        with self._database.write() as connection:
            healed = {"hold_count": 0, "held_until": None, "probe_owner": None, "probe_until": None}
            if not self._change(connection, seen, sa.true(), **healed):
                return
            number = connection.execute(
                sa.update(CONNECTIONS)
                .where(own.hold_reason == HoldReason.OUTAGE, own.held_until == seen.held_until)
                .values(hold_reason=None, held_until=None, updated_at=self._database.now())
            ).rowcount
        log.info("connection.released", host=self.host, number=number)

    def _change(
        self, connection: sa.Connection, seen: Host, where: sa.ColumnElement[bool], **values: object
    ) -> bool:
        """Change the host's row unless it has changed since it was seen."""
        same = (
            (HOSTS.c.name == self.host)
            & (HOSTS.c.hold_count == seen.hold_count)
            & HOSTS.c.held_until.is_not_distinct_from(seen.held_until)
        )
        return connection.execute(sa.update(HOSTS).where(same, where).values(**values)).rowcount > 0

    def _hold_connections(self, seen: Host, until: datetime, failed: Collection[int]) -> sa.Update:
        own = CONNECTIONS.c
        out = own.hold_reason == HoldReason.OUTAGE
        mistaken = out & own.id.in_(failed) & (own.hold_count > 0)
        statement = sa.update(CONNECTIONS).where(
            own.status == ConnectionStatus.ACTIVE,
            ~is_held(self._database) | (out & (own.held_until == seen.held_until)) | mistaken,
        )
        if not seen.hold_count and self._rate:
            statement = statement.values(pace_per_second=cut_in_sql(self._rate))
        return statement.values(
            hold_reason=HoldReason.OUTAGE,
            held_until=until,
            held_since=self._database.now(),
            hold_count=sa.case((mistaken, own.hold_count - 1), else_=own.hold_count),
            updated_at=self._database.now(),
        )


def was_held_alone(connection: Connection, host: Host) -> bool:
    """Return whether Envoy did not answer a connection, though its host was not out; a success forgets it."""
    return connection.hold_reason == HoldReason.OUTAGE and connection.held_until != host.held_until


def is_resting(host: Host, now: datetime) -> bool:
    """Return whether a host that does not answer is to be left alone now."""
    return host.hold_count > 0 and lies_ahead(host.held_until, now, HOLD_MAXIMUM, since=host.held_since)


# Both databases understand this, and SQLAlchemy has no common word for it.
_REGISTER = sa.text("INSERT INTO host (name) VALUES (:name) ON CONFLICT DO NOTHING")
