"""What stands around the code is true: links, Procfile, systemd units, lock files, Makefile."""

import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

from tests.acceptance.markdown import ROOT, blocks, links, pages, text
from worker.errors import ExitCode
from worker.service.serving import HARD_LIMIT_SECONDS

UNITS = ["envoy-worker.service", "envoy-worker-run-once.service", "envoy-worker-run-once.timer"]
LOCKS = ["requirements.txt", "requirements-build.txt", "requirements-dev.txt"]
PIN = re.compile(r"^([a-z0-9-]+)==(\S+) \\$", re.MULTILINE)


def pins(lock: str) -> dict[str, str]:
    """Return the versions that a lock file names."""
    return dict(PIN.findall(text(lock)))


def named(requirement: str) -> str:
    """Return the package that a requirement asks for."""
    return re.split(r"[\[<>=!~ ]", requirement.lower())[0]


@pytest.mark.parametrize("page", pages(), ids=lambda page: page.name)
def test_links_lead_somewhere(page: Path) -> None:
    """A link to a file of the repository finds it."""
    local = [target for target in links(page.read_text(encoding="utf-8")) if "://" not in target]

    missing = [target for target in local if not (page.parent / target.partition("#")[0]).exists()]

    assert missing == []


def test_no_tracked_file_names_this_machine_or_a_registry() -> None:
    """What is committed works anywhere: no path of a developer's machine, no host of a package registry."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    listed = subprocess.run([git, "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=True)
    forbidden = re.compile(
        r"/(?:home|root|work|Users)/\w|(?:pypi|npmjs|pythonhosted|debian)\.(?:org|com|net)|--(?:extra-)?index"
    )

    found = [
        f"{name}: {match[0]}"
        for name in listed.stdout.split("\0")
        if name and (ROOT / name).is_file()
        for match in forbidden.finditer((ROOT / name).read_text(encoding="utf-8", errors="replace"))
    ]

    assert found == []


def test_procfile_has_a_release_a_worker_and_a_single_pass() -> None:
    """A platform finds what it needs, each as a module, so that nothing must be installed for it."""
    types = dict(line.split(": ", 1) for line in text("Procfile").splitlines())

    assert types == {
        "release": "python -m worker db upgrade",
        "worker": "python -m worker run",
        "run-once": "python -m worker run-once",
    }


def test_systemd_accepts_the_units(tmp_path: Path) -> None:
    """The system itself finds no mistake in the units."""
    analyze = shutil.which("systemd-analyze")
    if analyze is None:
        pytest.skip("systemd-analyze is not installed")
    for unit in UNITS:
        here = text(f"deploy/{unit}").replace("/opt/envoy-worker/.venv/bin/python", sys.executable)
        (tmp_path / unit).write_text(here, encoding="utf-8")

    done = subprocess.run(
        [analyze, "verify", *(str(tmp_path / unit) for unit in UNITS)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_fits_how_the_worker_ends() -> None:
    """It is not restarted where that mends nothing, and not killed while it drains."""
    lines = text("deploy/envoy-worker.service").splitlines()
    values = dict(line.split("=", 1) for line in lines if re.match(r"\w+=", line))

    assert values["Type"] == "notify"
    final = {ExitCode.NEEDS_AUTHORISATION, ExitCode.SETTINGS}
    assert {int(code) for code in values["RestartPreventExitStatus"].split()} == final
    assert float(values["TimeoutStopSec"]) > HARD_LIMIT_SECONDS


def test_both_services_are_confined_alike() -> None:
    """What one service may not do, the other may not either."""

    def confinement(unit: str) -> list[str]:
        body = text(f"deploy/{unit}")
        lines = body[body.index("StateDirectory=") :].partition("[Install]")[0].splitlines()
        return [line for line in lines if line and not line.startswith("#")]

    assert confinement(UNITS[0]) == confinement(UNITS[1])


@pytest.mark.parametrize("lock", LOCKS)
def test_every_locked_package_has_its_hashes(lock: str) -> None:
    """Nothing is installed that the lock file does not name to the byte."""
    entries = [entry for entry in re.split(r"\n(?=[a-z])", text(lock)) if "==" in entry]

    assert len(entries) == len(pins(lock))
    assert all("--hash=sha256:" in entry for entry in entries)
    assert "://" not in text(lock)


def test_the_locks_fit_what_was_asked_for_and_each_other() -> None:
    """Each requirement is pinned, and a package has one version in all lock files."""
    project = tomllib.loads(text("pyproject.toml"))
    runtime, build, development = (pins(lock) for lock in LOCKS)
    asked = [line.partition("#")[0].strip() for line in text("requirements-dev.in").splitlines()]

    assert {named(one) for one in project["project"]["dependencies"]} <= runtime.keys()
    assert {named(one) for one in project["build-system"]["requires"]} <= build.keys()
    assert {named(one) for one in asked if one and not one.startswith("-c")} <= development.keys()
    assert not {
        name
        for one, other in [(runtime, development), (build, development), (runtime, build)]
        for name in one.keys() & other.keys()
        if one[name] != other[name]
    }


def test_the_python_of_the_platform_is_the_oldest_that_is_supported() -> None:
    """Heroku reads .python-version, and pip pyproject.toml."""
    project = tomllib.loads(text("pyproject.toml"))["project"]

    assert project["requires-python"] == f">={text('.python-version').strip()}"


def test_make_lists_its_targets_and_the_pages_name_no_other() -> None:
    """Plain make is a help, and every target that a page mentions is there."""
    make = shutil.which("make")
    assert make is not None
    listed = subprocess.run(
        [make, "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True
    )
    targets = re.findall(r"^make (\w+) +\w", listed.stdout, re.MULTILINE)

    mentioned = {
        target
        for page in pages()
        for code in blocks(page.read_text(encoding="utf-8"), "sh")
        for target in re.findall(r"^make (\w+)", code, re.MULTILINE)
    }

    assert {"demo", "test", "torture", "lint", "bench", "lock", "clean"} <= set(targets)
    assert mentioned <= set(targets)
