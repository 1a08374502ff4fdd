"""An e-mail address that stands where none belongs is a person's: a message shows that there is one."""

import re

# Neither a path before it nor a line's number behind it belongs to the address; what a URL has before its @
# names a host's user, and the host must be read.  Signs that cannot be seen, a backslash and a second @ are
# slips in an address, and make it no less a person's.
_LOCAL = r"\w.!#$%&*+?^{|}~\-\\\x00-\x08\x0e-\x1b\x7f\xad\u200b-\u200f\u202a-\u202e\u2060-\u206f\ufeff"
_ADDRESS = re.compile(
    rf"(?<!://)(?:\"[^\"\n]{{1,300}}\"|(?<![{_LOCAL}])([{_LOCAL}])[{_LOCAL}'`]{{0,300}}?)"
    r"(?:[@\ufe6b\uff20]|%40)+(?:\[[^\]\s]+\]|[^\s<>()\[\]\"',;:&/?`]+)"
)
_SIGNS = ("@", "%40", "\ufe6b", "\uff20")


def without_addresses(text: str) -> str:
    """Return the text with the first letter of each address, and nothing else of it: n…@…."""
    if not any(sign in text for sign in _SIGNS):
        return text
    return _ADDRESS.sub(lambda match: f"{match[1] or ''}…@…", text)
