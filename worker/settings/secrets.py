"""Secrets: from the environment, from a file it names, or from systemd's credentials."""

from collections.abc import Mapping
from pathlib import Path
from urllib.parse import unquote, urlsplit

from worker.errors import SettingsError
from worker.settings.plain import NotPlain
from worker.settings.trust import read_trusted

CLIENT_ID = "ENVOY_CLIENT_ID"
CLIENT_SECRET = "ENVOY_CLIENT_SECRET"  # noqa: S105 -- a name, no secret
ENCRYPTION_KEYS = "WORKER_ENCRYPTION_KEYS"
DATABASE_URL = "DATABASE_URL"

HINTS = {
    CLIENT_ID: "Envoy's developer dashboard shows it with the external application",
    CLIENT_SECRET: "Envoy's developer dashboard shows it with the external application",
    ENCRYPTION_KEYS: "make one with `envoy-worker keys new`, and keep it: tokens cannot be read without it",
}


class Secrets:
    """The secrets of one environment, read only when asked for."""

    def __init__(self, env: Mapping[str, str]) -> None:
        """Read nothing yet."""
        self._env = env

    def __repr__(self) -> str:
        """Show no value."""
        return "Secrets(...)"

    def get(self, name: str) -> str:
        """Return a secret.

        Raises:
            SettingsError: it is not set anywhere, or its file cannot be read.
        """
        value = self.find(name)
        if not value:
            raise SettingsError(
                f"{name} is not set (nor {name}_FILE, nor a systemd credential {name})",
                hint=HINTS.get(name, ""),
            )
        return value

    def values(self) -> list[str]:
        """Return every secret that is set, the keys and the database's password too: never to be printed."""
        found = [self.find(name) for name in (CLIENT_SECRET, ENCRYPTION_KEYS)]
        keys = [part.strip() for value in found if value for part in value.split(",")]
        return keys + _passwords(self.find(DATABASE_URL) or "")

    def find(self, name: str) -> str | None:
        """Return a secret, or None if it is not set; without a trailing newline."""
        if value := self._env.get(name, "").strip():
            return value
        if found := self.file(name):
            return _read(*found)
        return None

    def file(self, name: str) -> tuple[Path, str] | None:
        """Return the file that a secret is kept in, and what names it; None if there is none."""
        if path := self._env.get(f"{name}_FILE"):
            return Path(path), f"{name}_FILE"
        directory = self._env.get("CREDENTIALS_DIRECTORY")
        credential = Path(directory) / name if directory else None
        if credential is not None and _may_exist(credential):
            return credential, f"systemd credential {name}"
        return None


def _passwords(url: str) -> list[str]:
    """Return the password of a URL, as it stands there and as it is meant."""
    try:
        password = urlsplit(url).password
    except ValueError:
        return []  # the one who opens the database says what is wrong with its URL
    return [password, unquote(password)] if password else []


def _may_exist(path: Path) -> bool:
    try:
        return path.exists()
    except OSError:  # a folder that we may not look into, as after `sudo`: the one who reads it says so
        return True


def _read(path: Path, source: str) -> str:
    try:
        return read_trusted(path, f"{source}: {path}").strip()
    except NotPlain as flaw:
        message = f"the file cannot be read: it {flaw}"
    except (OSError, UnicodeDecodeError) as error:
        message = f"the file cannot be read ({type(error).__name__})"
    raise SettingsError(f"{source}: {message}")
