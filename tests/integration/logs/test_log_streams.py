"""Whatever becomes of the log's stream, the worker goes on."""

import io
import os
import time
from pathlib import Path

import pytest

from worker.logs.output import Output


def test_a_disk_that_is_full_costs_lines_not_work() -> None:
    """A line that the disk does not take is dropped and counted."""
    with Path("/dev/full").open("w", encoding="utf-8") as stream:
        output = Output(stream)
        output.line("one")
        output.line("two")

    assert output.dropped == 2


def test_nothing_is_left_to_fail_at_exit() -> None:
    """A failed line does not wait in the stream's buffer to fail again when the stream is closed."""
    stream = Path("/dev/full").open("w", encoding="utf-8")  # noqa: SIM115 -- closing it is what is tested
    Output(stream).line("one")

    stream.close()


def test_a_reader_that_is_gone_costs_lines_not_work() -> None:
    """`envoy-worker run | head` goes on when head has seen enough."""
    reading, writing = os.pipe()
    os.close(reading)
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        output = Output(stream)
        output.line("one")

    assert output.dropped == 1


def test_a_closed_stream_is_never_written_to() -> None:
    """The number of a closed descriptor may belong to the database's file by now."""
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w", encoding="utf-8")
    output = Output(stream)
    stream.close()
    output.line("lost")

    assert output.dropped == 1
    assert os.read(reading, 100) == b""
    os.close(reading)


def test_no_stream_at_all_is_no_error() -> None:
    """A process that was started without stdout works all the same."""
    output = Output(None)
    output.line("lost")

    assert output.dropped == 1


def test_a_reader_that_has_stopped_reading_holds_nobody_up() -> None:
    """A full pipe costs the patience once; the lines after that are dropped at once.

    Only time shows that: by half of what it takes if each line costs it, which is fifty times as long.
    """
    patience = 0.2
    reading, writing = os.pipe()
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        output = Output(stream, patience=patience)
        began = time.monotonic()
        for _ in range(200):
            output.line("x" * 1_000)
        took = time.monotonic() - began
        os.close(reading)

    assert output.dropped > 100
    assert took < output.dropped * patience / 2


def test_whole_lines_go_on_when_the_reader_does() -> None:
    """After a stall the torn line is ended first, so that the next one stands alone."""
    reading, writing = os.pipe()
    os.set_blocking(reading, False)
    with os.fdopen(writing, "w", encoding="utf-8") as stream:
        output = Output(stream, patience=0.01)
        output.line("x" * 1_000_000)
        before = _drain(reading)
        output.line("after the stall")
        lines = (before + _drain(reading)).splitlines()
    os.close(reading)

    assert not before.endswith(b"\n")
    assert lines[-1] == b"after the stall"
    assert output.dropped == 1


def _drain(descriptor: int) -> bytes:
    try:
        return os.read(descriptor, 1_000_000)
    except BlockingIOError:
        return b""


def test_lines_of_a_file_are_complete_and_in_order(tmp_path: Path) -> None:
    """Long lines and letters of every script arrive unharmed."""
    lines = [f"{number} " + "ü" * 9_000 for number in range(5)]
    with (tmp_path / "log").open("w", encoding="utf-8") as stream:
        output = Output(stream)
        for line in lines:
            output.line(line)

    assert (tmp_path / "log").read_text(encoding="utf-8").splitlines() == lines
    assert output.dropped == 0


class Stubborn(io.StringIO):
    """A stream without a descriptor that refuses."""

    def write(self, _text: str) -> int:
        """Raise as a full disk would."""
        raise OSError(28, "No space left on device")


@pytest.mark.parametrize("text", ["plain", "half a pair \ud800", "\x00"])
def test_a_stream_without_a_descriptor_may_fail_as_well(text: str) -> None:
    """A stream in memory, as tests and tools use it, is written to by its own method."""
    fine, broken = io.StringIO(), Stubborn()
    Output(fine).line(text)
    output = Output(broken)
    output.line(text)

    assert fine.getvalue().endswith("\n")
    assert output.dropped == 1
