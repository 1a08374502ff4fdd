"""Dates as HTTP writes them (RFC 9110 section 5.6.7), in all three forms."""

import re
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime

_SHAPE = re.compile(
    r"[A-Z][a-z]{2}, \d{2} [A-Z][a-z]{2} \d{4} \d{2}:\d{2}:\d{2} GMT"  # what is sent today
    r"|[A-Z][a-z]{5,8}, \d{2}-[A-Z][a-z]{2}-\d{2} \d{2}:\d{2}:\d{2} GMT"  # RFC 850
    r"|[A-Z][a-z]{2} [A-Z][a-z]{2} [ \d]\d \d{2}:\d{2}:\d{2} \d{4}",  # C's asctime
    re.ASCII,
)


def parse(text: str | None) -> datetime | None:
    """Return the instant in UTC; None for anything that is no HTTP date."""
    if text is None or not _SHAPE.fullmatch(text.strip()):
        return None
    try:
        return parsedate_to_datetime(text.strip()).replace(tzinfo=UTC)
    except ValueError:
        return None
