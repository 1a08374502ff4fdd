"""What settings, secrets and job modules say counts only where nobody else can have written it."""

import contextlib
import os
import py_compile
import shutil
import socket
import stat
import subprocess
import sys
import zipfile
from collections.abc import Callable, Iterator
from importlib.machinery import ModuleSpec
from pathlib import Path

import pytest

from worker.cli.invites.import_streams import reading
from worker.errors import ExitCode, SettingsError, UsageError
from worker.runs import resolve_all
from worker.settings import JobSettings, Secrets, environment, load_settings

ROOT = Path(__file__).parents[3]
MALLORY = 54_321  # nobody's number
CANARY = "Zq9-canary-Zq9"
NAME = "ENVOY_CLIENT_SECRET"
needs_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give a file away")

Use = Callable[[Path], object]


def use_settings(path: Path) -> object:
    """Read it as the file of settings."""
    return load_settings({"WORKER_SETTINGS": str(path)})


def use_dot_env(path: Path) -> object:
    """Read it as the .env of the working directory."""
    os.chdir(path.parent)
    return environment()


def use_key_file(path: Path) -> object:
    """Read it as the file that a variable names."""
    return Secrets({f"{NAME}_FILE": str(path)}).get(NAME)


def use_credential(path: Path) -> object:
    """Read it as one of systemd's credentials."""
    return Secrets({"CREDENTIALS_DIRECTORY": str(path.parent)}).get(path.name)


USES = [use_settings, use_dot_env, use_key_file, use_credential]


@pytest.fixture(params=USES, ids=lambda use: use.__name__.removeprefix("use_"))
def use(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Use:
    """Give each way in which a file is used; the working directory is the old one afterwards."""
    monkeypatch.chdir(".")
    monkeypatch.delenv("WORKER_TRUST_FOLDER", raising=False)
    used: Use = request.param
    return used


@pytest.fixture
def file(tmp_path: Path, use: Use) -> Path:
    """Give a file that can be used in that way, in a folder of its own."""
    folder = tmp_path / "folder"
    folder.mkdir()
    path = folder / (".env" if use is use_dot_env else NAME)
    path.write_text(f"# {CANARY}\n", encoding="utf-8")
    path.chmod(0o600)
    return path


def refusal(use: Use, path: Path) -> SettingsError:
    """Use a file, and return what is said of it."""
    with pytest.raises(SettingsError) as caught:
        use(path)
    assert caught.value.exit_code == ExitCode.SETTINGS
    assert CANARY not in f"{caught.value} {caught.value.hint}"
    return caught.value


def foreign_file(file: Path) -> None:
    """Give the file to somebody else."""
    os.chown(file, MALLORY, -1)


def open_file(file: Path) -> None:
    """Let everybody write the file."""
    file.chmod(0o666)


def foreign_folder(file: Path) -> None:
    """Give the folder to somebody else, who can then rename what is in it."""
    os.chown(file.parent, MALLORY, -1)


def open_folder(file: Path) -> None:
    """Let everybody rename what is in the folder."""
    file.parent.chmod(0o777)


def linked(file: Path) -> Path:
    """Put a link in the file's place; return where it leads."""
    (elsewhere := file.parent.parent / "elsewhere").mkdir()
    target = file.rename(elsewhere / "target")
    file.symlink_to(target)
    return target


def foreign_link(file: Path) -> None:
    """Lead to our file by somebody else's link."""
    linked(file)
    os.chown(file, MALLORY, -1, follow_symlinks=False)


def link_to_foreign_file(file: Path) -> None:
    """Lead to somebody else's file by our link."""
    foreign_file(linked(file))


def link_into_open_folder(file: Path) -> None:
    """Lead to our file, which everybody can replace."""
    open_folder(linked(file))


SPOILERS = [
    foreign_file,
    open_file,
    foreign_folder,
    open_folder,
    foreign_link,
    link_to_foreign_file,
    link_into_open_folder,
]


@needs_root
@pytest.mark.parametrize("spoil", SPOILERS)
def test_what_others_may_have_written_is_not_used(
    use: Use, spoil: Callable[[Path], None], file: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """One line has the file, its owner, our user and what to do; the environment can say otherwise."""
    spoil(file)

    said = refusal(use, file)

    assert file.name in str(said)
    assert f"owner {'root' if 'open' in spoil.__name__ else f'uid {MALLORY}'}" in str(said)
    assert "we are root" in str(said)
    assert "WORKER_TRUST_FOLDER=1" in said.hint
    assert "\n" not in f"{said}{said.hint}"
    monkeypatch.setenv("WORKER_TRUST_FOLDER", "1")
    use(file)


def test_our_own_link_is_followed(use: Use, file: Path) -> None:
    """Link and target are ours, and so are their folders."""
    linked(file)

    use(file)


@pytest.mark.parametrize("mode", [0o664, 0o644, 0o600, 0o440])
def test_what_a_group_may_write_is_used(use: Use, mode: int, file: Path) -> None:
    """As in a checkout that was made with umask 002."""
    file.chmod(mode)
    file.parent.chmod(0o775)

    use(file)


def test_a_folder_as_tmp_is_holds_our_files(use: Use, file: Path) -> None:
    """Others may add files there and cannot replace ours; so are Kubernetes' secrets mounted."""
    file.parent.chmod(0o1777)

    use(file)


@contextlib.contextmanager
def service_user(file: Path) -> Iterator[None]:
    """Be a user that owns nothing, for a while; the folders of pytest's let him pass in between."""
    modes = {folder: folder.stat().st_mode for folder in [*file.parents][:-2]}
    for folder, mode in modes.items():
        folder.chmod(stat.S_IMODE(mode) | 0o055)
    os.seteuid(MALLORY)
    try:
        yield
    finally:
        os.seteuid(0)
        for folder, mode in modes.items():
            folder.chmod(stat.S_IMODE(mode))


@needs_root
def test_a_service_user_uses_roots_files(file: Path, use: Use) -> None:
    """A checkout of root's, and a service with a user of its own."""
    file.chmod(0o644)

    with service_user(file):
        use(file)


# Imports first: another user may not reach this checkout.
ELSEWHERE = """
import os
from worker.errors import SettingsError
from worker.settings import Secrets, environment
os.setgroups([])
os.setgid(65534)
os.setuid(65534)
env = environment()
print("LINE" in env)
try:
    Secrets(env).get("WORKER_ENCRYPTION_KEYS")
except SettingsError as error:
    print(error)
"""


@needs_root
def test_a_folder_that_we_may_not_look_into_keeps_nobody_from_working(tmp_path: Path) -> None:
    """As root's own, where `sudo -u` is typed: its .env is not ours, and secrets there are one line."""
    tmp_path.chmod(0o700)
    (tmp_path / ".env").write_text("LINE=1", encoding="utf-8")

    done = subprocess.run(
        [sys.executable, "-c", ELSEWHERE],
        cwd=tmp_path,
        env={"PYTHONPATH": str(ROOT), "CREDENTIALS_DIRECTORY": str(tmp_path)},
        capture_output=True,
        text=True,
        check=True,
    )

    assert done.stdout.splitlines() == [
        "False",
        "systemd credential WORKER_ENCRYPTION_KEYS: the file cannot be read (PermissionError)",
    ]


def test_dot_env_cannot_vouch_for_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """WORKER_TRUST_FOLDER counts in the real environment only, for other files neither."""
    monkeypatch.delenv("WORKER_TRUST_FOLDER", raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / ".env").write_text("WORKER_TRUST_FOLDER=1\n", encoding="utf-8")
    settings = tmp_path / "settings.toml"
    settings.touch()
    settings.chmod(0o666)

    with pytest.raises(SettingsError, match="everybody"):
        load_settings(environment())


def a_pipe(path: Path) -> Path:
    """Make a pipe that nobody writes to."""
    os.mkfifo(path)
    return path


def a_folder(path: Path) -> Path:
    """Make a directory."""
    path.mkdir()
    return path


def a_device(path: Path) -> Path:
    """Lead to a device that never ends."""
    path.symlink_to("/dev/zero")
    return path


def a_socket(path: Path) -> Path:
    """Make a socket."""
    with contextlib.chdir(path.parent), socket.socket(socket.AF_UNIX) as listener:
        listener.bind(path.name)  # a socket's path must be short
    return path


def a_huge_file(path: Path) -> Path:
    """Make a file of a terabyte that takes no room."""
    with path.open("wb") as file:
        file.truncate(1 << 40)
    return path


UNPLAIN = [
    (a_pipe, "is a pipe, not a file"),
    (a_folder, "is a directory, not a file"),
    (a_device, "is a device, not a file"),
    (a_socket, "is a socket, not a file"),
    (a_huge_file, "is larger than 1 MiB"),
]


UNPLAIN_IMPORTS = [one for one in UNPLAIN if one[0] not in {a_folder, a_huge_file}]


@pytest.mark.parametrize(("make", "what"), UNPLAIN)
def test_what_is_no_file_is_one_line_at_once(
    use: Use, make: Callable[[Path], Path], what: str, file: Path
) -> None:
    """Nobody waits for a pipe's writer, and nobody reads a device to its end."""
    file.unlink()

    assert what in str(refusal(use, make(file)))


def test_what_a_program_pipes_in_is_no_file_either() -> None:
    """As the shell's <(...) names it: a link that leads to no path at all."""
    reader, writer = os.pipe()
    try:
        assert "is a pipe, not a file" in str(refusal(use_key_file, Path(f"/dev/fd/{reader}")))
    finally:
        os.close(reader)
        os.close(writer)


# Python tells such a hook of each file right before it is opened, after all that was looked at.
EXCHANGE = """
import os, sys
from worker.errors import SettingsError
from worker.settings import load_settings
path, other = sys.argv[1:]
def exchange(event, args):
    if event == "open" and args[0] in {path, os.fspath(path)} and os.path.exists(other):
        os.rename(other, path)
sys.addaudithook(exchange)
try:
    load_settings({"WORKER_SETTINGS": path})
except SettingsError as error:
    print(error)
"""


@needs_root
@pytest.mark.parametrize("what", ["belongs to another user", "is a pipe, not a file"])
def test_a_file_that_is_exchanged_before_it_is_opened_is_not_used(what: str, tmp_path: Path) -> None:
    """What was opened is judged, not only what was there before."""
    (path := tmp_path / "settings.toml").touch()
    other = tmp_path / "other"
    if "pipe" in what:
        a_pipe(other)
    else:
        other.touch()
        os.chown(other, MALLORY, -1)

    done = subprocess.run(
        [sys.executable, "-c", EXCHANGE, str(path), str(other)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=30,
        check=True,
    )

    assert not other.exists()
    assert what in done.stdout


@pytest.mark.parametrize(("make", "what"), [*UNPLAIN_IMPORTS, (a_huge_file, "is larger than 256 MiB")])
def test_an_import_of_what_is_no_file_is_one_line_at_once(
    make: Callable[[Path], Path], what: str, tmp_path: Path
) -> None:
    """It says that stdin takes what is no file."""
    with pytest.raises(UsageError, match=what) as caught, reading(str(make(tmp_path / "f")), twice=False):
        pass

    assert "by `-`" in caught.value.hint


class Jobs:
    """Job modules in a working directory, as `python -m worker` finds them."""

    def __init__(self, folder: Path, package: str) -> None:
        self.folder = folder
        self.package = package
        (folder / package).mkdir()
        (folder / "traces").mkdir()
        (folder / "traces").chmod(0o777)
        self.write("__init__")
        self.write("helper")
        self.write("job", f"from {package} import helper\n\n\ndef run(context):\n    return helper\n")

    def write(self, name: str, rest: str = "") -> None:
        """Write a module that leaves a trace when it is run."""
        self.path(name).write_text(f"open({str(self.trace(name))!r}, 'w').close()\n{rest}", encoding="utf-8")

    def path(self, name: str) -> Path:
        """Return a module's file."""
        return self.folder / self.package / f"{name}.py"

    def trace(self, name: str) -> Path:
        """Return what tells that a module was run."""
        return self.folder / "traces" / name

    def resolve(self) -> None:
        """Resolve the job."""
        run = f"{self.package}.job:run"
        resolve_all({"x": JobSettings.model_validate({"run": run, "every": 5})})


@pytest.fixture
def jobs(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, request: pytest.FixtureRequest) -> Jobs:
    """Give job modules under a name that no other test has."""
    monkeypatch.delenv("WORKER_TRUST_FOLDER", raising=False)
    monkeypatch.syspath_prepend(str(tmp_path))
    return Jobs(tmp_path, f"jobs_{abs(hash(request.node.nodeid))}")


def test_trusted_job_modules_are_run(jobs: Jobs) -> None:
    """In a checkout with umask 002, too."""
    jobs.folder.chmod(0o775)
    jobs.path("job").chmod(0o664)

    jobs.resolve()

    assert jobs.trace("helper").exists()


@needs_root
def test_a_service_user_runs_roots_job_modules(jobs: Jobs) -> None:
    """A checkout of root's, and a service with a user of its own."""
    with service_user(jobs.path("job")):
        jobs.resolve()

    assert jobs.trace("helper").exists()


@needs_root
def test_job_modules_in_an_archive_are_run_where_it_is_ours(jobs: Jobs, tmp_path: Path) -> None:
    """It is judged in the place of what it holds."""
    archive = tmp_path / "jobs.zip"
    with zipfile.ZipFile(archive, "w") as file:
        for name in ("__init__", "helper", "job"):
            file.write(jobs.path(name), f"{jobs.package}/{name}.py")
    shutil.rmtree(jobs.folder / jobs.package)
    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(archive))
        os.chown(archive, MALLORY, MALLORY)
        with pytest.raises(SettingsError, match="belongs to another user"):
            jobs.resolve()
        assert not jobs.trace("__init__").exists()
        os.chown(archive, 0, 0)

        jobs.resolve()

    assert jobs.trace("helper").exists()


def test_a_package_that_names_no_real_folder_beside_its_own_is_run(
    jobs: Jobs, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So packages without an __init__.py have it that setuptools has installed as editable."""
    jobs.path("__init__").unlink()
    hook = f"__editable__.{jobs.package}.finder.__path_hook__"

    class Finder:
        """Finds the one package."""

        def find_spec(self, name: str, _target: object = None) -> ModuleSpec | None:
            """Return it by its folder, and by the hook's own name, as setuptools does."""
            if name != jobs.package:
                return None
            spec = ModuleSpec(name, None, is_package=True)
            spec.submodule_search_locations = [str(jobs.folder / jobs.package), hook]
            return spec

    def found(path: str) -> Finder:
        if path != hook:
            raise ImportError
        return Finder()

    monkeypatch.setattr(sys, "path_hooks", [*sys.path_hooks, found])
    monkeypatch.syspath_prepend(hook)
    monkeypatch.chdir("/tmp")  # noqa: S108 -- where others may add files

    jobs.resolve()

    assert jobs.trace("helper").exists()


@needs_root
@pytest.mark.parametrize("name", ["__init__", "job", "helper"])
def test_a_foreign_job_module_is_not_run(jobs: Jobs, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Nor its package's or a module beside it that it imports; the line names the file."""
    os.chown(jobs.path(name), MALLORY, -1)

    with pytest.raises(SettingsError, match=f"{name}.py: it belongs to another user") as caught:
        jobs.resolve()

    assert "WORKER_TRUST_FOLDER=1" in caught.value.hint
    assert not jobs.trace(name).exists()
    monkeypatch.setenv("WORKER_TRUST_FOLDER", "1")
    jobs.resolve()
    assert jobs.trace(name).exists()


@needs_root
@pytest.mark.parametrize("place", ["the folder on the path", "the package", "what Python compiled"])
def test_a_job_module_that_can_be_replaced_is_not_run(jobs: Jobs, place: str) -> None:
    """Even where only a file could be put beside it, as in /tmp, since that would be imported, too."""
    if place == "the folder on the path":
        jobs.folder.chmod(0o1777)
    elif place == "the package":
        os.chown(jobs.path("job").parent, MALLORY, -1)
    else:
        Path(str(py_compile.compile(str(jobs.path("job")), doraise=True))).parent.chmod(0o777)

    with pytest.raises(SettingsError, match="nothing of it is used"):
        jobs.resolve()

    assert not jobs.trace("job").exists()
