"""The table ``arrival``, of one row at most: what the contract's triggers look at, or count in."""

from sqlmodel import Field, SQLModel


class Arrival(SQLModel, table=True):
    """How callers' changes are announced."""

    __tablename__ = "arrival"

    id: int = Field(default=1, primary_key=True)
    announced: bool = False  # PostgreSQL: a worker listens, so the triggers send NOTIFY
    number: int = 0  # SQLite: grows with each change that makes something due


ARRIVALS = SQLModel.metadata.tables[str(Arrival.__tablename__)]
