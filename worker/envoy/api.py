"""The verbs of Envoy's API that the worker uses, each as data or a typed error.

Reads are repeated a few times.  Writes are repeated only where no byte left this host: whether an
invite may be sent again is decided where its intent is stored.
"""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import TYPE_CHECKING, TypeVar

from worker.clock import to_second
from worker.envoy import resources
from worker.envoy.calls import (
    EMPLOYEES,
    FLOWS,
    INVITES,
    LOCATIONS,
    Calls,
    Success,
    Take,
    employee_path,
    invite_path,
)
from worker.envoy.http import http_date
from worker.envoy.http.late import Http
from worker.envoy.identifiers import identifier
from worker.envoy.pages import Page, page_of
from worker.envoy.paging import PER_PAGE
from worker.envoy.resources import Employee, Flow, Invite, Json, Location
from worker.envoy.server_clock import ServerClock
from worker.errors import Forbidden, NotFound, OutcomeUnknown

if TYPE_CHECKING:
    from worker.envoy.http.client import BeforeWrite

_Resource = TypeVar("_Resource")


@dataclass(frozen=True, slots=True)
class Listing:
    """All invites that a query finds, and what time it was at Envoy, None if it did not say."""

    invites: list[Invite]
    server_time: datetime | None


@dataclass(frozen=True, slots=True)
class Written:
    """A write that Envoy accepted: with which status, and the invite as it is now, None if unsaid."""

    http_status: int
    invite: Invite | None


class EnvoyApi:
    """Envoy's API at one address; shared by all threads, holding no token."""

    def __init__(
        self,
        http: Http,
        base_url: str,
        *,
        request_timeout_seconds: float,
        stop: threading.Event | None = None,
        clock: ServerClock | None = None,
    ) -> None:
        """Do no network; *stop* ends the waits between attempts, *clock* is shown every answer."""
        self._calls = Calls(http, base_url, deadline_seconds=request_timeout_seconds, stop=stop, clock=clock)

    def locations(self, token: str) -> list[Location]:
        """Return all locations of the token's company, disabled ones too."""
        return self._calls.read_all(token, LOCATIONS, resources.location)

    def first_locations(self, token: str) -> list[Location]:
        """Return the locations of the first page: enough to see whose token it is."""

        def take(answer: Success) -> Page[Location]:
            return page_of(answer.data, resources.location)

        page = self._calls.read(token, LOCATIONS, {"page": 1, "perPage": PER_PAGE}, take)
        if page.items is None:
            raise OutcomeUnknown("Envoy answered a list without data", error_code="bad_answer")
        return [place for place in page.items if place is not None]

    def flows(self, token: str) -> list[Flow]:
        """Return all flows of the token's company, disabled and global ones too."""
        return self._calls.read_all(token, FLOWS, resources.flow)

    def employees(self, token: str, *, email: str) -> list[Employee]:
        """Return the employees whom Envoy's filter finds; it finds parts of addresses, too: compare them."""
        return self._calls.read_all(token, EMPLOYEES, resources.employee, {"email": email})

    def employee(self, token: str, employee_id: str) -> Employee | None:
        """Return the employee of that id, None if there is none or it can be no one's id.

        Without a name and locations where the answer does not show them.
        """
        if identifier(employee_id) is None:
            return None
        try:
            found = self._calls.read(token, employee_path(employee_id), {}, _one(resources.employee))
        except NotFound:
            # Only where employees are answered at all is it this one who is not there.
            self._calls.read(token, EMPLOYEES, {"perPage": 1}, _nothing)
            return None
        return found or Employee(employee_id, "", "", ())

    def probe(self, token: str) -> None:
        """Return if Envoy answers and accepts the token; otherwise raise why not."""
        self._calls.read(token, LOCATIONS, {"perPage": 1}, _nothing)

    @property
    def probe_url(self) -> str:
        """The address that a probe asks."""
        return self._calls.address(LOCATIONS)

    def has_invite(self, token: str, invite_id: str) -> bool:
        """Return whether Envoy shows the invite of that id; False where there is none, or can be none."""
        if identifier(invite_id) is None:
            return False
        try:
            found = self._calls.read(token, invite_path(invite_id), {}, _one(resources.invite))
        except NotFound:
            return False
        if found is None or found.id != invite_id:
            raise OutcomeUnknown("Envoy answered with another invite than asked for", error_code="bad_answer")
        return True

    def can_read_invites(self, token: str) -> bool:
        """Return whether the grant holds ``invites.read``, which no token answer says."""
        try:
            self._calls.read(token, INVITES, {"perPage": 1}, _nothing)
        except Forbidden:
            return False
        return True

    def find_invites(
        self,
        token: str,
        *,
        location_id: str,
        arrival_after: datetime,
        arrival_before: datetime,
    ) -> Listing:
        """Return the invites that Envoy lists for a location between two instants.

        Whether Envoy's bounds are inclusive is not documented: ask widely, and compare again.
        """
        times: list[datetime | None] = []
        query = {
            "locationIds": location_id,
            "expectedArrivalAtAfter": to_second(arrival_after),
            "expectedArrivalAtBefore": to_second(arrival_before),
            "sort": "CREATED_AT",
            # What is made while the pages are read comes last, and moves nothing from one to another.
            "order": "ASC",
        }
        items = self._calls.read_all(
            token,
            INVITES,
            resources.invite,
            query,
            on_headers=lambda headers: times.append(http_date.parse(headers.get("Date"))),
            whole=True,
        )
        return Listing(items, times[0] if times else None)

    def create_invite(
        self,
        token: str,
        body: Mapping[str, object],
        *,
        request_id: str,
        before_write: "BeforeWrite | None" = None,
    ) -> Written:
        """Create one invite; OutcomeUnknown where it was sent and its id did not come back."""
        created = self._calls.write(
            token,
            "POST",
            INVITES,
            _written,
            body={"invite": dict(body)},
            request_id=request_id,
            before_write=before_write,
        )
        if created.invite is None:
            raise OutcomeUnknown(
                "Envoy accepted the invite and named no id",
                error_code="no_id",
                http_status=created.http_status,
            )
        return created

    def update_invite(
        self,
        token: str,
        invite_id: str,
        body: Mapping[str, object],
        *,
        request_id: str,
        before_write: "BeforeWrite | None" = None,
    ) -> Written:
        """Change one invite (a POST, as Envoy has it)."""
        return self._calls.write(
            token,
            "POST",
            invite_path(invite_id),
            _written,
            body={"invite": dict(body)},
            request_id=request_id,
            before_write=before_write,
        )

    def remove_invite(
        self,
        token: str,
        invite_id: str,
        *,
        request_id: str,
        before_write: "BeforeWrite | None" = None,
    ) -> Written:
        """Remove one invite; NotFound where Envoy, or what stands before it, knows none of that id."""
        return self._calls.write(
            token,
            "DELETE",
            invite_path(invite_id),
            lambda answer: Written(answer.status, None),
            body=None,
            request_id=request_id,
            before_write=before_write,
        )


def _written(answer: Success) -> Written:
    return Written(answer.status, _one(resources.invite)(answer))


def _one(parse: Callable[[Json], _Resource | None]) -> Take[_Resource | None]:
    """Return what takes one thing out of an answer, None if it shows none that is usable."""

    def take(answer: Success) -> _Resource | None:
        data = answer.data.get("data")
        return parse(data) if isinstance(data, dict) else None

    return take


def _nothing(_answer: Success) -> None:
    pass
