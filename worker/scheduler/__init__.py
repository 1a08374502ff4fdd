"""The schedule: jobs of settings.toml on APScheduler, in memory; what is due when stands in the settings."""

from worker.scheduler.schedule import Misses, Schedule
from worker.scheduler.triggers import trigger_of

__all__ = ["Misses", "Schedule", "trigger_of"]
