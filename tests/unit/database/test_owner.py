"""Who is called dead: only whom we can see to be gone."""

import shutil
from pathlib import Path

import pytest

from worker.database.owner import Here

STAT = "{} (python) S " + " ".join(str(number) for number in range(1, 25))


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """Give a /proc with the first process and ours."""
    random = tmp_path / "sys/kernel/random"
    random.mkdir(parents=True)
    (random / "boot_id").write_text("one-boot\n")
    (tmp_path / "self/ns").mkdir(parents=True)
    (tmp_path / "self/ns/pid").symlink_to("pid:[1]")
    (tmp_path / "self/ns/time").symlink_to("time:[2]")
    _start(tmp_path, 1)
    return tmp_path


def _start(proc: Path, pid: int) -> None:
    (proc / str(pid)).mkdir()
    (proc / str(pid) / "stat").write_text(STAT.format(pid))


def _owner(proc: Path, pid: int) -> str:
    host = Here(proc).name.partition("/")[0]
    return f"{host}/{pid}/19"


def test_a_process_that_is_gone_is_dead(proc: Path) -> None:
    """As long as it lives, it is not; nor is one with its number that began at another time spared."""
    owner = _owner(proc, 77)
    _start(proc, 77)
    assert not Here(proc).is_dead(owner)
    assert Here(proc).is_dead(f"{owner}0")

    shutil.rmtree(proc / "77")

    assert Here(proc).is_dead(owner)


@pytest.mark.parametrize("hidden", ["sys/kernel/random/boot_id", "self/ns/pid"])
def test_where_boot_or_process_space_is_hidden_nobody_is_dead(proc: Path, hidden: str) -> None:
    """The address of the network card stands in for a name, and two containers may have the same."""
    (proc / hidden).unlink()
    owner = _owner(proc, 77)

    assert not Here(proc).is_dead(owner)
    assert Here(proc).boot_clock is None


@pytest.mark.parametrize("content", ["", "\n", "\xff"])
def test_a_boot_without_a_name_is_as_good_as_hidden(proc: Path, content: str) -> None:
    """Some sandboxes mask the file with an empty one."""
    (proc / "sys/kernel/random/boot_id").write_text(content, encoding="latin-1")

    assert not Here(proc).is_dead(_owner(proc, 77))


def test_where_other_users_processes_are_hidden_nobody_is_dead(proc: Path) -> None:
    """The living would look dead there."""
    shutil.rmtree(proc / "1")

    assert not Here(proc).is_dead(_owner(proc, 77))


def test_containers_of_one_boot_share_its_clock_but_not_their_processes(proc: Path) -> None:
    """The kernel's clock since boot is one for all; a space of time of its own makes it another."""
    here = Here(proc)
    owner, clock = _owner(proc, 77), here.boot_clock
    (proc / "self/ns/pid").unlink()
    (proc / "self/ns/pid").symlink_to("pid:[9]")
    neighbour = Here(proc)
    assert (neighbour.is_dead(owner), neighbour.boot_clock) == (False, clock)

    (proc / "self/ns/time").unlink()
    (proc / "self/ns/time").symlink_to("time:[9]")

    assert Here(proc).boot_clock != clock
