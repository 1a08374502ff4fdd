"""The states of a delivery as statements name them: literals, not bound values.

PostgreSQL's generic plans use a partial index only for a literal, and what stands in a GROUP BY must be the
same text wherever it stands.
"""

import sqlalchemy as sa

from worker.invites.states import Status


def _literal(status: Status) -> sa.ColumnClause[str]:
    return sa.literal_column(f"'{status}'", sa.Text())


PENDING = _literal(Status.PENDING)
SENDING = _literal(Status.SENDING)
SENT = _literal(Status.SENT)
UNKNOWN = _literal(Status.UNKNOWN)
EXPIRED = _literal(Status.EXPIRED)
