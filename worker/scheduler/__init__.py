"""The schedule: jobs of settings.toml on APScheduler, in memory; what is due when stands in the settings.

Files:

schedule: The jobs of one process on APScheduler, and what is said of runs that do not take place.
triggers: When a job runs next, counted from now.
"""

from worker.scheduler.schedule import Misses, Schedule
from worker.scheduler.triggers import trigger_of

__all__ = ["Misses", "Schedule", "trigger_of"]
