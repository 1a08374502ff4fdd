"""Book a visit and hand it in to the worker, in one transaction."""

from datetime import datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandParser
from django.db import transaction

from ...models import Booking, Invite, InviteStatus

CUSTOMER = "acme"  # the name that was given to `envoy-worker connect`


@transaction.atomic
def book(number: int, guest: str, place: str, arrival: datetime) -> None:
    """Store a booking, new or changed, and hand its visit in: both, or neither."""
    Booking.objects.update_or_create(number=number, defaults={"guest": guest})
    Invite.objects.update_or_create(
        connection=CUSTOMER,
        external_id=f"django-{number}",
        defaults={"invitee_name": guest, "location": place, "expected_arrival_at": arrival},
    )


class Command(BaseCommand):
    """Book what the command line says."""

    help = __doc__

    def add_arguments(self, parser: CommandParser) -> None:
        """Name the arguments."""
        parser.add_argument("number", type=int)
        parser.add_argument("guest")
        parser.add_argument("place")
        parser.add_argument("arrival", type=datetime.fromisoformat, help="with its zone")

    def handle(self, **said: Any) -> None:
        """Book, and say what became of the visit."""
        book(said["number"], said["guest"], said["place"], said["arrival"])
        visit = InviteStatus.objects.get(connection=CUSTOMER, external_id=f"django-{said['number']}")
        self.stdout.write(f"{visit.external_id} is {visit.status}")
