"""Settings: settings.toml, the environment above it, and secrets apart from both."""

from worker.settings.loading import environment, load_settings, load_toml
from worker.settings.model import JobSettings, Settings
from worker.settings.secrets import Secrets

__all__ = ["JobSettings", "Secrets", "Settings", "environment", "load_settings", "load_toml"]
