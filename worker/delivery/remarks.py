"""What is told of an update that went through, but not in every respect as it was wanted."""

from collections.abc import Collection

from worker.delivery import clears
from worker.delivery.plan import Call
from worker.delivery.sent_content import MAIL
from worker.invites import Kind

MAIL_NOT_REPEATED = "mail_not_repeated"
HINTS = {
    clears.NOT_CLEARED: "clear it in Envoy by hand",
    MAIL_NOT_REPEATED: "find out in Envoy whether the visitor was mailed; if not, let Envoy mail them there",
}


def remarked(call: Call, kept: Collection[str]) -> tuple[str | None, str | None]:
    """Return the error code and the words for what went otherwise; *kept* are fields that Envoy still has."""
    code, words = clears.told(kept) if kept else (None, None)
    if not is_mail_withheld(call):
        return code, words
    told = "an update whose answer was lost may have mailed the visitor, so that this one asked for no mail"
    return code or MAIL_NOT_REPEATED, f"{words}; {told}" if words else told


def is_mail_withheld(call: Call) -> bool:
    """Return whether an update asked for no mail though the row wants one: it may have been sent."""
    wanted = (call.content or {}).get(MAIL)
    return call.kind is Kind.UPDATE and bool(wanted) and not call.body.get(MAIL)
