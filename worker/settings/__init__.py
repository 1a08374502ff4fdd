"""Settings: settings.toml, the environment above it, and secrets apart from both.

Files:

loading: Read settings.toml and the environment; name every mistake by its key.
model: The shape of settings.toml: every key, its default and its bounds.
plain: Open what people name as a file: a plain one of a bounded size, at once, whatever it turns out to be.
secrets: Secrets: from the environment, from a file it names, or from systemd's credentials.
trust: Whose files are believed: our own and root's, which nobody else can put another in the place of.
"""

from worker.settings.loading import environment, load_settings, load_toml
from worker.settings.model import JobSettings, Settings
from worker.settings.secrets import Secrets

__all__ = ["JobSettings", "Secrets", "Settings", "environment", "load_settings", "load_toml"]
