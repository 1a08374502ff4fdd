"""Single calls to the API: token, address, retry policy, and the meaning of the answer."""

import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import TYPE_CHECKING, TypeAlias, TypeVar
from urllib.parse import urlencode

from worker.envoy.answers import decipher, may_be_a_gateways, route_lost
from worker.envoy.http.headers import authorization
from worker.envoy.http.late import Http
from worker.envoy.identifiers import item_path
from worker.envoy.pages import Item, Page, page_of
from worker.envoy.paging import all_items
from worker.envoy.resources import Json
from worker.envoy.retries import read_policy, unsent_policy
from worker.envoy.server_clock import ServerClock
from worker.errors import Refused, Stopping

if TYPE_CHECKING:
    from worker.envoy.http.client import Answer, BeforeWrite

LOCATIONS, FLOWS, EMPLOYEES, INVITES = LISTS = (
    "/v1/locations",
    "/v1/flows",
    "/v1/employees",
    "/v1/invites",
)
LARGE_BYTES = 64_000  # of an answer; a usual page of a list has less
OnHeaders: TypeAlias = Callable[[Mapping[str, str]], None]
_Taken = TypeVar("_Taken")


@dataclass(frozen=True, slots=True)
class Success:
    """An answer to a request that was accepted: its status, what it says, and its length in bytes."""

    status: int
    data: Json = field(repr=False)
    size: int = 0


Take: TypeAlias = Callable[[Success], _Taken]


class Calls:
    """Reads, which may be repeated, and writes, which may not unless they were not sent."""

    def __init__(
        self,
        http: Http,
        base_url: str,
        *,
        deadline_seconds: float,
        stop: threading.Event | None,
        clock: ServerClock | None = None,
    ) -> None:
        """Do no network; *stop* ends the waits between attempts, and lists between their pages.

        *clock* is shown every answer.
        """
        self._http = http
        self._base_url = base_url.rstrip("/")
        self._deadline_seconds = deadline_seconds
        self._stop = stop or threading.Event()
        self._clock = clock or ServerClock()
        self._reads = read_policy(self._stop)
        self._unsent = unsent_policy(self._stop)
        self._large = threading.Lock()

    def address(self, path: str) -> str:
        """Return where a path is asked for."""
        return self._base_url + path

    def read(
        self,
        token: str,
        path: str,
        query: Mapping[str, str | int],
        take: Take[_Taken],
        *,
        on_headers: OnHeaders | None = None,
    ) -> _Taken:
        """Return what *take* makes of the answer to a GET; *on_headers* is shown the answer's headers."""
        address = f"{path}?{urlencode(query)}" if query else path
        headers = authorization(token)
        try:
            return self._reads(self._send, "GET", address, headers, take, on_headers=on_headers)
        except Refused as error:
            # A list is always there, at least its first page; only what stands before it can have lost it.
            no_such_page = query.get("page", 1) != 1 and error.http_status == HTTPStatus.NOT_FOUND
            if path in LISTS and may_be_a_gateways(error) and not no_such_page:
                raise route_lost(error) from None
            raise

    def read_all(
        self,
        token: str,
        path: str,
        parse: Callable[[Json], Item | None],
        query: Mapping[str, str | int] | None = None,
        *,
        on_headers: OnHeaders | None = None,
        whole: bool = False,
    ) -> list[Item]:
        """Return what *parse* makes of every item of a list; *whole*: None of one makes it no list.

        Raises:
            Stopping: the process is to end, and shall not wait for more pages.
            EnvoyError: a page could not be read, or the pages do not make up a list.
        """

        def take(answer: Success) -> Page[Item]:
            return page_of(answer.data, parse, size=answer.size)

        def page(number: int, size: int) -> Page[Item]:
            if self._stop.is_set():
                raise Stopping("the worker is stopping")
            numbered = {**(query or {}), "page": number, "perPage": size}
            return self.read(token, path, numbered, take, on_headers=on_headers)

        return all_items(page, whole=whole)

    def write(
        self,
        token: str,
        method: str,
        path: str,
        take: Take[_Taken],
        *,
        body: Json | None,
        request_id: str,
        before_write: "BeforeWrite | None",
    ) -> _Taken:
        """Return what *take* makes of the answer to a POST or DELETE.

        *before_write* is asked before every attempt.
        """
        headers = {**authorization(token), "X-Request-Id": request_id}
        return self._unsent(self._send, method, path, headers, take, body, before_write)

    def _send(
        self,
        method: str,
        path: str,
        headers: Mapping[str, str],
        take: Take[_Taken],
        body: Json | None = None,
        before_write: "BeforeWrite | None" = None,
        *,
        on_headers: OnHeaders | None = None,
    ) -> _Taken:
        answer = self._http.send(
            method,
            self.address(path),
            deadline_seconds=self._deadline_seconds,
            headers=headers,
            json=body,
            before_write=before_write,
        )
        self._clock.see(answer.headers)
        if on_headers is not None:
            on_headers(answer.headers)
        if len(answer.body) <= LARGE_BYTES:
            return _meaning(answer, take)
        # One thread at a time takes a large answer apart: read as JSON, it is many times as large.
        with self._large:
            return _meaning(answer, take)


def _meaning(answer: "Answer", take: Take[_Taken]) -> _Taken:
    data = decipher(answer.status, answer.headers, answer.body)
    return take(Success(answer.status, data, len(answer.body)))


def invite_path(invite_id: str) -> str:
    """Return the path of one invite; Refused where that can be nobody's id."""
    return item_path(INVITES, invite_id)


def employee_path(employee_id: str) -> str:
    """Return the path of one employee; Refused where that can be nobody's id."""
    return item_path(EMPLOYEES, employee_id)
