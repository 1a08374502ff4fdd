"""Do what the customer's browser does: open the consent page, press Allow, follow the redirect."""

from html.parser import HTMLParser
from urllib.parse import urlencode, urljoin
from urllib.request import OpenerDirector, ProxyHandler, build_opener

PATIENCE_SECONDS = 10
ALLOW = {"decision": "allow"}


class ConsentForm(HTMLParser):
    """The one form of a page: where it goes, and what it carries along."""

    def __init__(self) -> None:
        """Nothing was read yet."""
        super().__init__()
        self.action = ""
        self.fields: dict[str, str] = {}

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note the form's address and its hidden fields."""
        values = {name: value or "" for name, value in attrs}
        if tag == "form":
            self.action = values.get("action", "")
        elif tag == "input" and values.get("type") == "hidden":
            self.fields[values.get("name", "")] = values.get("value", "")


def agree(authorize_url: str) -> None:
    """Open *authorize_url*, agree, and follow the redirect to the waiting listener."""
    opener = build_opener(ProxyHandler({}))  # loopback needs no proxy
    form = ConsentForm()
    form.feed(_open(opener, authorize_url))
    answer = urlencode({**form.fields, **ALLOW}).encode()
    _open(opener, urljoin(authorize_url, form.action), answer)


def _open(opener: OpenerDirector, url: str, data: bytes | None = None) -> str:
    with opener.open(url, data, timeout=PATIENCE_SECONDS) as answer:
        text: str = answer.read().decode()
        return text
