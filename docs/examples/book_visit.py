"""Book a visit in a table of our own, and hand it in to the worker, in one transaction."""

import argparse
import os
from datetime import datetime

import sqlalchemy as sa
from sqlalchemy.orm import DeclarativeBase, Mapped, Session, mapped_column

from worker.intake import InputErrors, enqueue

CUSTOMER = "acme"  # the name that was given to `envoy-worker connect`


class Base(DeclarativeBase):
    """The tables of our own application."""


class Booking(Base):
    """One booking, as our application keeps it."""

    __tablename__ = "booking"

    number: Mapped[int] = mapped_column(primary_key=True)
    guest: Mapped[str]


def book(session: Session, number: int, guest: str, place: str, arrival: datetime) -> None:
    """Store a booking, new or changed, and hand its visit in; the caller commits both, or neither."""
    session.merge(Booking(number=number, guest=guest))
    enqueue(
        session,
        connection=CUSTOMER,
        external_id=f"booking-{number}",
        invitee_name=guest,
        location=place,
        expected_arrival_at=arrival,
    )


def fate(session: Session, number: int) -> str:
    """Say what became of the visit, and why, where it was refused."""
    row = session.execute(
        sa.text(
            "SELECT status, error_code FROM invite_status"
            " WHERE connection = :customer AND external_id = :visit"
        ),
        {"customer": CUSTOMER, "visit": f"booking-{number}"},
    ).one()
    return f"{row.status}: {row.error_code}" if row.error_code else str(row.status)


def main() -> None:
    """Book what the command line says."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("number", type=int)
    parser.add_argument("guest")
    parser.add_argument("place")
    parser.add_argument("arrival", type=datetime.fromisoformat, help="with its zone")
    said = parser.parse_args()
    # SQLAlchemy wants the name of the driver, too.
    url = os.environ["DATABASE_URL"].replace("postgresql://", "postgresql+psycopg://", 1)
    engine = sa.create_engine(url)
    Base.metadata.create_all(engine)
    try:
        with Session(engine) as session, session.begin():
            book(session, said.number, said.guest, said.place, said.arrival)
    except InputErrors as error:
        raise SystemExit(f"nothing was booked: {error}") from None
    with Session(engine) as session:
        print(f"booking-{said.number} is {fate(session, said.number)}")


if __name__ == "__main__":
    main()
