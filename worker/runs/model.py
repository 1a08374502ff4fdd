"""The tables ``job`` and ``job_run``: each job's lease and last run, and the runs that did something."""

from datetime import datetime
from typing import Any

from sqlmodel import Field, SQLModel

from worker.database import StrictJson, Timestamp


class Job(SQLModel, table=True):
    """One registered job."""

    __tablename__ = "job"

    name: str = Field(primary_key=True)
    last_run_at: datetime | None = Field(default=None, sa_type=Timestamp)
    last_result: str | None = None
    next_run_at: datetime | None = Field(default=None, sa_type=Timestamp)
    lease_owner: str | None = None
    lease_until: datetime | None = Field(default=None, sa_type=Timestamp)
    # What both clocks said at its last run, to see a jump since then; one of them counts within a boot.
    seen_boot: str | None = None
    seen_boot_seconds: float | None = None
    seen_at: datetime | None = Field(default=None, sa_type=Timestamp)
    unwitnessed_since: datetime | None = Field(default=None, sa_type=Timestamp)  # nobody confirms our clock


class JobRun(SQLModel, table=True):
    """One run that did something."""

    __tablename__ = "job_run"

    id: str = Field(primary_key=True)
    job: str
    trigger: str
    started_at: datetime = Field(sa_type=Timestamp)
    finished_at: datetime = Field(sa_type=Timestamp)
    result: str
    counts: dict[str, Any] = Field(sa_type=StrictJson())


JOBS = SQLModel.metadata.tables[str(Job.__tablename__)]
RUNS = SQLModel.metadata.tables[str(JobRun.__tablename__)]
