"""What stands around the code is true: links, Procfile, systemd units, lock files, Makefile."""

import json
import os
import re
import shutil
import subprocess
import sys
import tomllib
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.markdown import ROOT, blocks, links, pages, text
from worker.errors import ExitCode
from worker.service.serving import HARD_LIMIT_SECONDS

UNITS = ["envoy-worker.service", "envoy-worker-run-once.service", "envoy-worker-run-once.timer"]
LOCKS = ["requirements.txt", "requirements-build.txt", "requirements-dev.txt", "requirements-audit.txt"]
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
    """It is not restarted where that repairs nothing, and not killed while it drains."""
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


@pytest.fixture
def systemd_run(tmp_path: Path) -> dict[str, str]:
    """Give an environment in which systemd-run prints what it was told, and does nothing."""
    stand_in = tmp_path / "bin" / "systemd-run"
    stand_in.parent.mkdir()
    stand_in.write_text('#!/bin/sh\nprintf "%s\\0" "$@"\n', encoding="utf-8")
    stand_in.chmod(0o755)
    return {"PATH": f"{stand_in.parent}:{os.environ['PATH']}"}


def told(script: Path, env: dict[str, str], *arguments: str) -> list[str]:
    """Return what the operators' script tells systemd-run."""
    typed = [str(script), *arguments]
    return subprocess.run(typed, env=env, capture_output=True, text=True, check=True).stdout.split("\0")[:-1]


def service(unit: str) -> list[str]:
    """Return the lines of a unit's section [Service]."""
    body = text(f"deploy/{unit}").partition("[Service]")[2].partition("[Install]")[0]
    return [line for line in body.splitlines() if re.match(r"\w+=", line)]


def test_an_operators_command_is_confined_as_the_service_is(systemd_run: dict[str, str]) -> None:
    """The script takes user, environment and confinement from the unit, all but start and end."""
    left_out = re.compile(
        r"(?:Type|NotifyAccess|Exec\w+|Restart\w*|Timeout\w+|WatchdogSec|KillMode|SyslogIdentifier"
        r"|LoadCredential|Environment=WORKER_LOG__FORMAT)="
    )

    arguments = told(ROOT / "deploy" / "envoy-worker", systemd_run, "invites", "add", "a b", "--", "")

    unit = [line for line in service(UNITS[0]) if not left_out.match(line)]
    properties = [one.partition("=")[2] for one in arguments if one.startswith("--property=")]
    assert properties == unit
    assert {"User=envoy-worker", "NoNewPrivileges=yes", "ProtectSystem=strict"} <= set(properties)
    program = ["/opt/envoy-worker/.venv/bin/python", "-m", "worker", "invites", "add"]
    assert arguments[-8:] == [*program, "a b", "--", ""]
    assert all(one.startswith("--") for one in arguments[:-8])


def test_an_operators_command_is_confined_as_the_unit_was_edited(
    systemd_run: dict[str, str], tmp_path: Path
) -> None:
    """What `systemctl edit` adds counts after the unit; without a unit nothing runs unconfined."""
    script = Path(shutil.copy(ROOT / "deploy" / "envoy-worker", tmp_path))
    alone = subprocess.run([script, "status"], env=systemd_run, capture_output=True, check=False)
    shutil.copy(ROOT / "deploy" / UNITS[0], tmp_path)
    (tmp_path / f"{UNITS[0]}.d").mkdir()
    edited = "[Unit]\nAfter=x\n[Service]\n MemoryMax = 1G\n#TasksMax=9\nPrivateDevices=\\\nno\nType=exec\n"
    edited += "StandardOutput=append:/var/log/worker.log\nStandardError=journal"  # a command has a terminal
    (tmp_path / f"{UNITS[0]}.d" / "override.conf").write_text(edited, encoding="utf-8")

    as_shipped = told(ROOT / "deploy" / "envoy-worker", systemd_run, "status")
    as_edited = told(script, systemd_run, "status")

    added = ["--property=MemoryMax=1G", "--property=PrivateDevices=no"]
    assert as_edited == [*as_shipped[:-4], *added, *as_shipped[-4:]]
    assert alone.returncode != 0
    assert alone.stdout == b""


def test_the_units_run_the_checkouts_code_from_any_folder(tmp_path: Path) -> None:
    """Nothing is imported from the working directory, and jobs are found all the same."""
    for unit in UNITS[:2]:
        lines = [line.removeprefix("Environment=") for line in service(unit)]
        env = {name: value for name, _, value in (line.partition("=") for line in lines) if "PYTHON" in name}
        env["PYTHONPATH"] = env["PYTHONPATH"].replace("/opt/envoy-worker", str(ROOT))
        for name in ("worker", "jobs", "typer"):
            (tmp_path / f"{name}.py").write_text("raise SystemExit('from the working directory')\n", "utf-8")

        found = "import worker.cli.app, jobs.push_invites, typer"
        done = subprocess.run([sys.executable, "-c", found], cwd=tmp_path, env=env, check=False)

        assert done.returncode == 0


def test_git_keeps_secrets_and_data_out() -> None:
    """Secrets, databases, copies of them and rejected lines are never committed by chance."""
    git = shutil.which("git")
    if git is None or not (ROOT / ".git").exists():
        pytest.skip("this is no git checkout")
    private = [
        *(".env", ".env.production", ".envrc", "worker.db", "worker.db-wal", "worker.db-restored"),
        *("worker.db.bak", "worker-2030-05-17.db", "worker.dump", "backup.sql.gz", "worker.sqlite3"),
        *("rejected.csv", "rejected-2030-05-17.csv", "rejects.jsonl", "visits.csv"),
    ]
    public = [".env.example", "worker/migrations/versions/0001_contract_sqlite.sql", "worker/demo/visits.csv"]

    def ignored(name: str) -> bool:
        asked = [git, "check-ignore", "--no-index", "--quiet", name]
        return subprocess.run(asked, cwd=ROOT, check=False).returncode == 0

    assert [name for name in private if not ignored(name)] == []
    assert [name for name in public if ignored(name)] == []


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
    runtime, build, development = (pins(lock) for lock in LOCKS[:3])
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


KNOWN = {"name": "httpx", "version": "0.28.1", "vulns": []}
HURT = {"name": "h11", "version": "0.1", "vulns": [{"id": "PYSEC-1", "fix_versions": ["0.2"]}]}
SKIPPED = {"name": "idna", "skip_reason": "Dependency not found"}


@pytest.mark.parametrize(
    ("says", "code", "printed"),
    [
        ([[KNOWN, SKIPPED], []], 0, "no known vulnerability in 1 packages; 1 are not in the data: idna"),
        ([[HURT, SKIPPED], []], 1, "lock.txt: h11 0.1: PYSEC-1, fixed in 0.2"),
        ([[SKIPPED], [HURT]], 1, "lock.txt: h11 0.1: PYSEC-1, fixed in 0.2"),
        (
            ["requests.exceptions.ConnectionError: no name", [KNOWN]],
            0,
            "no known vulnerability in 1 packages",
        ),
        ([[SKIPPED], [SKIPPED]], 0, "NOTHING WAS CHECKED (1 are not in the data: idna)"),
        (["ConnectTimeout: late", "Could not connect"], 0, "NOTHING WAS CHECKED (ConnectTimeout: late)"),
        (["ERROR: no such option", []], 1, "the tool failed: ERROR: no such option"),
    ],
)
def test_the_audit_fails_on_a_finding_and_says_if_nobody_answered(
    says: list[Any], code: int, printed: str, tmp_path: Path
) -> None:
    """A tool that found no data has not found that all is well, though it ends with 0."""
    for service, answer in zip(("pypi", "osv"), says, strict=True):
        is_text = isinstance(answer, str)
        content = answer if is_text else json.dumps({"dependencies": answer})
        (tmp_path / f"{service}.{'err' if is_text else 'out'}").write_text(content, encoding="utf-8")
    stand_in = tmp_path / "pip-audit"
    service = '$(echo "$*" | sed "s/.*vulnerability-service=\\([a-z]*\\).*/\\1/")'
    lines = [
        "#!/bin/sh",
        f"cd {tmp_path}; s={service}",
        "[ ! -e $s.err ] || { cat $s.err >&2; exit 1; }",
        "cat $s.out",
    ]
    stand_in.write_text("\n".join(lines), encoding="utf-8")
    stand_in.chmod(0o755)

    audit = [sys.executable, str(ROOT / ".ci" / "audit.py"), str(stand_in), "lock.txt"]
    done = subprocess.run(audit, capture_output=True, text=True, check=False)

    assert done.returncode == code
    assert printed in done.stdout + done.stderr


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

    assert {"demo", "test", "torture", "lint", "audit", "bench", "lock", "clean"} <= set(targets)
    assert mentioned <= set(targets)
