"""The frame of every page, and the page that shows what the sandbox holds."""

from collections.abc import Iterable
from html import escape
from pathlib import Path

from worker.sandbox.state import State
from worker.sandbox.values import Record

STYLE = Path(__file__).with_name("style.css").read_bytes()
MOST_SHOWN = 200
HEADINGS = ("Id", "Visitor", "Location", "Flow", "Arrival (UTC)", "Host", "Status", "E-mail to visitor")


def page(title: str, body: str, *, refresh: bool = False) -> bytes:
    """Return a whole HTML page; *body* is HTML already, *title* is text."""
    again = '<meta http-equiv="refresh" content="5">' if refresh else ""
    return (
        f'<!doctype html><html lang="en"><head><meta charset="utf-8">{again}'
        '<meta name="viewport" content="width=device-width, initial-scale=1">'
        '<meta name="color-scheme" content="light dark">'
        f'<title>{escape(title)}</title><link rel="stylesheet" href="/sandbox/style.css"></head>'
        f"<body>{body}</body></html>"
    ).encode("utf-8", "backslashreplace")


def overview_page(state: State) -> bytes:
    """Return the page with the newest invites and the counts of the ledger."""
    # A browser would take seconds over the 100,000 visits of a long test.
    held = state.invites.all()
    shown = held[::-1][:MOST_SHOWN]
    rows = "".join(_row(state, one.company_id, one.data) for one in shown)
    body = (
        '<header><p class="kind">Sandbox</p><h1>Visits in the stand-in of Envoy</h1>'
        "<p>Nothing here reaches a real account. The page renews itself every five seconds.</p></header>"
        f'<main><dl class="counts">{_counts(state, len(held))}</dl>{_table(rows)}{_rest(len(held))}'
        '<p><a href="/sandbox/ledger">Ledger</a> <a href="/sandbox/faults">Faults</a></p></main>'
    )
    return page("Sandbox: visits", body, refresh=True)


def _counts(state: State, held: int) -> str:
    ledger, tally = state.ledger, state.grants.tally
    duplicates = sum(group["count"] - 1 for group in ledger.duplicates())
    counts: Iterable[tuple[str, int, bool]] = (
        ("Visits held", held, False),
        ("Created twice", duplicates, True),
        ("Updated", len(ledger.updates), False),
        ("Removed", len(ledger.removes), False),
        ("Requests", ledger.requests, False),
        ("Refresh tokens reused", tally.refresh_token_reuse, True),
    )
    return "".join(_count(*count) for count in counts)


def _count(label: str, number: int, wrong: bool) -> str:
    mark = ' class="bad"' if wrong and number else ""
    return f"<div{mark}><dt>{label}</dt><dd>{number:,}</dd></div>"


def _table(rows: str) -> str:
    if not rows:
        return '<p class="empty">No visits yet. They appear here as soon as an application creates them.</p>'
    heads = "".join(f'<th scope="col">{heading}</th>' for heading in HEADINGS)
    caption = '<caption class="hidden">Visits, newest first</caption>'
    table = f"<table>{caption}<thead><tr>{heads}</tr></thead><tbody>{rows}</tbody></table>"
    return f'<div class="scroll" tabindex="0" role="region" aria-label="Visits">{table}</div>'


def _rest(held: int) -> str:
    return f"<p>The newest {MOST_SHOWN} of {held:,} are shown.</p>" if held > MOST_SHOWN else ""


def _row(state: State, company_id: str, data: Record) -> str:
    name_of = state.directory.name_of
    mail = data["invitee"]["email"]
    visitor = escape(data["invitee"]["name"]) + (f"<small>{escape(mail)}</small>" if mail else "")
    texts = (
        name_of(company_id, "locations", data["locationId"]),
        name_of(company_id, "flows", data["flowId"]),
        data["expectedArrivalAt"][:16].replace("T", " "),
        data["host"]["name"] if data["host"] else "",
        data["approvalStatus"].capitalize(),
        "yes" if data["sendEmailToInvitee"] else "no",
    )
    cells = "".join(f"<td>{escape(text)}</td>" for text in texts)
    return f'<tr><td class="id">{escape(data["id"])}</td><td>{visitor}</td>{cells}</tr>'
