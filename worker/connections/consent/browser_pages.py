"""What a browser on this host is answered: few pages, each whole in itself, each with the same headers."""

from dataclasses import dataclass
from http import HTTPStatus

# No page is kept, framed, shared or told onwards: the address of each may hold a code.
HEADERS = {
    "Content-Type": "text/html; charset=utf-8",
    "Cache-Control": "no-store",
    "Referrer-Policy": "no-referrer",
    "X-Content-Type-Options": "nosniff",
    "X-Frame-Options": "DENY",
    "Content-Security-Policy": "default-src 'none'; frame-ancestors 'none'; base-uri 'none'",
    "Cross-Origin-Opener-Policy": "same-origin",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Connection": "close",
}
_PAGE = """<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="color-scheme" content="light dark">
<title>{title}</title></head><body><main><h1>{title}</h1><p>{text}</p></main></body></html>
"""


@dataclass(frozen=True, slots=True)
class Page:
    """One answer: a heading and a sentence."""

    status: HTTPStatus
    title: str
    text: str

    def written(self, *, body: bool = True) -> bytes:
        """Return the whole answer; without its *body* it is one to HEAD."""
        content = _PAGE.format(title=self.title, text=self.text).encode()
        headers = {**HEADERS, "Content-Length": str(len(content))}
        if self.status is HTTPStatus.METHOD_NOT_ALLOWED:
            headers["Allow"] = "GET"
        lines = [f"HTTP/1.1 {self.status:d} {self.status.phrase}", *(f"{k}: {v}" for k, v in headers.items())]
        return "\r\n".join([*lines, "", ""]).encode() + (content if body else b"")


_CLOSE = "You can close this page."
RECEIVED = Page(
    HTTPStatus.OK, "Envoy has answered", f"{_CLOSE} The terminal shows how the connection stands."
)
DECLINED = Page(HTTPStatus.OK, "Nothing was authorised", f"{_CLOSE} The terminal says what to do next.")
NOT_ENVOYS = Page(HTTPStatus.BAD_REQUEST, DECLINED.title, DECLINED.text)
MISMATCH = Page(
    HTTPStatus.BAD_REQUEST,
    "This page belongs to another attempt",
    "Open the URL that the terminal shows, and no other.",
)
ABSENT = Page(HTTPStatus.NOT_FOUND, "Nothing is here", "This address only waits for Envoy's answer.")


def unreadable(status: HTTPStatus) -> Page:
    """Return the answer to what is no request of a browser that Envoy has sent back."""
    return Page(status, status.phrase, ABSENT.text)
