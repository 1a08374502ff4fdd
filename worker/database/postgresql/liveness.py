"""Give out no connection that a restart of PostgreSQL has left dead, without asking each time.

SQLAlchemy's own check costs a round trip for every transaction.  Here a connection that was used a
moment ago is trusted; if it died since, its first statement says so and the pool begins again.
"""

import time
from typing import Any

import sqlalchemy as sa
from sqlalchemy import event

TRUSTED_SECONDS = 1.0
_USED_AT = "worker_used_at"


def watch(engine: sa.Engine) -> None:
    """Check connections of *engine* that were idle for a while, before they are used."""
    dialect: Any = engine.dialect

    def check_in(_raw: Any, record: Any) -> None:  # noqa: ANN401 -- the driver's and the pool's own types
        record.info[_USED_AT] = time.monotonic()

    def check_out(raw: Any, record: Any, _proxy: Any) -> None:  # noqa: ANN401
        used_at = record.info.get(_USED_AT)
        if used_at is None or time.monotonic() - used_at < TRUSTED_SECONDS:
            return
        try:
            dialect.do_ping(raw)
        except dialect.loaded_dbapi.Error:
            dead = True
        else:
            dead = False
        if dead:
            raise sa.exc.InvalidatePoolError

    event.listen(engine, "checkin", check_in)
    event.listen(engine, "checkout", check_out)
