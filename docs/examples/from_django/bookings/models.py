"""The worker's table and view, which Django does not make, and a table of our own."""

from datetime import UTC, datetime
from typing import Any

from django.db import models


class ZonedDateTimeField(models.DateTimeField):
    """Writes UTC with its zone where the database has no type for it."""

    def get_db_prep_value(self, value: Any, connection: Any, prepared: bool = False) -> Any:
        """Write an aware time as 2026-03-01T09:00:00.000Z on SQLite."""
        if connection.vendor != "sqlite" or value is None or hasattr(value, "resolve_expression"):
            return super().get_db_prep_value(value, connection, prepared)
        moment: datetime = value if prepared else self.get_prep_value(value)
        return moment.astimezone(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")


class Invite(models.Model):
    """One visit that shall exist in Envoy."""

    connection = models.CharField(max_length=100)
    external_id = models.CharField(max_length=255)
    invitee_name = models.CharField(max_length=255)
    invitee_email = models.CharField(max_length=320, null=True)
    location = models.CharField(max_length=255, null=True)
    flow = models.CharField(max_length=255, null=True)
    host_employee_id = models.CharField(max_length=64, null=True)
    host_email = models.CharField(max_length=320, null=True)
    expected_arrival_at = ZonedDateTimeField()
    expected_departure_at = ZonedDateTimeField(null=True)
    notes = models.CharField(max_length=2000, null=True)
    custom_fields = models.JSONField(null=True)
    send_email = models.BooleanField(default=False)
    wanted = models.CharField(max_length=7, default="present")

    class Meta:
        """The table is made by `envoy-worker db upgrade`, not by Django."""

        app_label = "bookings"
        managed = False
        db_table = "invite"
        unique_together = [("connection", "external_id")]


class InviteStatus(models.Model):
    """How a visit stands; a view, only to be read."""

    connection = models.CharField(max_length=100)
    external_id = models.CharField(max_length=255)
    status = models.CharField(max_length=20)
    error_code = models.CharField(max_length=100, null=True)
    error_detail = models.TextField(null=True)

    class Meta:
        """The view is made by `envoy-worker db upgrade`, not by Django."""

        app_label = "bookings"
        managed = False
        db_table = "invite_status"


class Booking(models.Model):
    """One booking, as our application keeps it."""

    number = models.IntegerField(primary_key=True)
    guest = models.CharField(max_length=255)

    class Meta:
        """The table is ours, and made by Django."""

        app_label = "bookings"
        db_table = "django_booking"
