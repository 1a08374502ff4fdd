"""Jobs are found by reference, and their parameters are checked before anything runs."""

import pytest

from worker.errors import SettingsError
from worker.runs import resolve_all
from worker.settings import JobSettings


def job(run: str, **parameters: object) -> JobSettings:
    """Return one job's settings."""
    return JobSettings.model_validate({"run": run, "every": 5, **parameters})


def test_the_registered_jobs_are_resolved_in_their_order() -> None:
    """A reference becomes a function with checked parameters; push is never exclusive, the others are."""
    jobs = resolve_all(
        {
            "refresh_directory": job("jobs.refresh_directory:run", max_age="60"),
            "push_invites": job("jobs.push_invites:run"),
        }
    )

    assert list(jobs) == ["refresh_directory", "push_invites"]
    assert jobs["refresh_directory"].parameters == {"max_age": 60.0}
    assert (jobs["refresh_directory"].exclusive, jobs["push_invites"].exclusive) == (True, False)


@pytest.mark.parametrize(
    ("settings", "named"),
    [
        (job("jobs.nothing:run"), "jobs.x.run"),
        (job("jobs.push_invites:walk"), "jobs.x.run"),
        (job("jobs.refresh_directory:run", max_aeg=3), "jobs.x.max_aeg"),
        (job("jobs.refresh_directory:run", max_age="soon"), "jobs.x.max_age"),
        (job("jobs.prune_history:run", max_seconds="nan"), "jobs.x.max_seconds"),
        (job("jobs.push_invites:run", max_seconds=-1), "jobs.x.max_seconds"),
    ],
)
def test_a_mistake_names_its_key(settings: JobSettings, named: str) -> None:
    """The operator sees which line of the settings to repair."""
    with pytest.raises(SettingsError) as caught:
        resolve_all({"x": settings})

    assert str(caught.value).startswith(named)


def test_all_mistakes_are_named_at_once() -> None:
    """Two wrong jobs are two problems."""
    with pytest.raises(SettingsError) as caught:
        resolve_all({"x": job("jobs.nothing:run"), "y": job("jobs.push_invites:run", z=1)})

    assert len(caught.value.problems) == 2


def test_no_job_at_all_is_a_mistake() -> None:
    """A worker that does nothing is not what anybody wants."""
    with pytest.raises(SettingsError):
        resolve_all({})
