"""The secrets we know: masked wherever they turn up, however long the text and however many they are."""

import threading
from urllib.parse import quote

MASK = "[redacted]"
MIN_LENGTH = 8  # anything shorter would mask innocent words
NEWEST = 2_000


class KnownSecrets:
    """A bounded set of secrets, found in a text by their first eight characters.

    Reading takes no lock: each entry of the index is replaced as a whole.
    """

    def __init__(self, newest: int = NEWEST) -> None:
        """Keep the *newest* passing secrets; the lasting ones are not counted."""
        self._newest = newest
        self._lock = threading.Lock()
        self._lasting: set[str] = set()
        self._passing: dict[str, None] = {}
        self._index: dict[str, tuple[str, ...]] = {}
        self.version = 0  # another one whenever a secret more is known

    def __repr__(self) -> str:
        """Show how many, and none of them."""
        return f"KnownSecrets({len(self._lasting) + len(self._passing)})"

    def add(self, value: str, *, lasting: bool = False) -> None:
        """Mask *value*, and its form in a URL, from now on; the oldest passing secret makes room."""
        with self._lock:
            for form in {value, quote(value, safe=""), quote(value)}:
                if len(form) >= MIN_LENGTH:
                    self._remember(form, lasting=lasting)
            # After the index: what was searched under the number before may have missed the new one.
            self.version += 1

    def _remember(self, form: str, *, lasting: bool) -> None:
        if form not in self._lasting and form not in self._passing:
            head = form[:MIN_LENGTH]
            self._index[head] = tuple(sorted((*self._index.get(head, ()), form), key=len, reverse=True))
        if lasting:
            self._passing.pop(form, None)
            self._lasting.add(form)
        elif form not in self._lasting:
            self._passing.pop(form, None)  # so that it counts as the newest
            self._passing[form] = None
        while len(self._passing) > self._newest:
            self._forget(next(iter(self._passing)))

    def _forget(self, form: str) -> None:
        del self._passing[form]
        head = form[:MIN_LENGTH]
        rest = tuple(other for other in self._index[head] if other != form)
        if rest:
            self._index[head] = rest
        else:
            del self._index[head]

    def mask(self, text: str) -> str:
        """Return *text* with every known secret masked, the longest first."""
        index = self._index
        if not index:
            return text
        found = [secret for head in _windows(text) for secret in index.get(head, ())]
        for secret in sorted(found, key=len, reverse=True):
            text = text.replace(secret, MASK)
        return text

    def may_be_in(self, text: str) -> bool:
        """Return whether a part of *text* begins like a secret; where none does, it holds none."""
        if len(text) < MIN_LENGTH or not self._index:
            return False
        return not self._index.keys().isdisjoint(_windows(text))


def _windows(text: str) -> set[str]:
    return {text[at : at + MIN_LENGTH] for at in range(len(text) - MIN_LENGTH + 1)}
