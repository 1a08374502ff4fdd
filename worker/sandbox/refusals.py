"""How a handler ends a request early: with an error answer, or with none."""

from http import HTTPStatus

from worker.sandbox.values import Record


class Refused(Exception):
    """The request is answered with an error status and a JSON body."""

    def __init__(self, status: HTTPStatus, body: str | Record, headers: dict[str, str] | None = None) -> None:
        super().__init__(status.phrase)
        self.status = status
        self.body: Record = {"message": body} if isinstance(body, str) else body
        self.headers = headers or {}


class Dropped(Exception):
    """The connection is closed without an answer."""


def bad_request(message: str) -> Refused:
    """Return a 400: the request could not be understood."""
    return Refused(HTTPStatus.BAD_REQUEST, message)


def missing(what: str) -> Refused:
    """Return a 404: Envoy answers it for a resource that the request merely names, too."""
    return Refused(HTTPStatus.NOT_FOUND, f"{what} not found")


def contradictory(message: str) -> Refused:
    """Return a 422: every field is well formed, but they do not fit together."""
    return Refused(HTTPStatus.UNPROCESSABLE_ENTITY, message)


def oauth_error(status: HTTPStatus, error: str, description: str) -> Refused:
    """Return an error answer of the token endpoint (RFC 6749, 5.2)."""
    return Refused(status, {"error": error, "error_description": description})
