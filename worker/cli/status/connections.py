"""The connections in ``status``: each of a few; of many the counts, and those that need a person."""

from collections import Counter
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from worker.cli.formatting import counted, moment, resume
from worker.commands import command
from worker.connections.states import ENDED_BY_A_PERSON, ConnectionStatus, HoldReason

if TYPE_CHECKING:
    from worker.connections.store import ConnectionView

MOST_LINES = 10

# The other holds end by themselves.
_BY_PERSON = ENDED_BY_A_PERSON | {HoldReason.FORBIDDEN, HoldReason.UNAUTHORISED, HoldReason.REFUSES_ALL}


def connection_lines(views: "Sequence[ConnectionView]") -> Iterator[str]:
    """Yield what there is to say of the connections, in a few lines however many there are."""
    if len(views) <= MOST_LINES:
        yield from (_line(view) for view in views)
        return
    numbers = Counter(str(view.status) for view in views)
    told = ", ".join(f"{number:,} {status}" for status, number in sorted(numbers.items()))
    yield f"{counted(len(views), 'connection')}: {told}"
    waiting = [_line(view) for view in views if _needs_a_person(view)]
    yield from first_of(waiting, "envoy-worker connections list --status STATUS")


def first_of(lines: Sequence[str], command: str) -> Iterator[str]:
    """Yield the first lines, and how many more *command* shows."""
    yield from lines[:MOST_LINES]
    if len(lines) > MOST_LINES:
        yield f"and {len(lines) - MOST_LINES:,} more -- {command}"


def _needs_a_person(view: "ConnectionView") -> bool:
    if view.status == ConnectionStatus.HELD:
        return view.hold_reason in _BY_PERSON
    return view.status == ConnectionStatus.NEEDS_AUTHORISATION


def _line(view: "ConnectionView") -> str:
    match view.status:
        case ConnectionStatus.NEEDS_AUTHORISATION:
            reason = f" ({view.status_reason})" if view.status_reason else ""
            return f"{view.name} needs_authorisation{reason} -- {command('connect', view.name)}"
        case ConnectionStatus.HELD:
            until = f" until {moment(view.held_until)}" if view.held_until else ""
            repair = f" -- {resume(view.name, view.hold_reason)}" if _needs_a_person(view) else ""
            return f"{view.name} held{until} ({view.hold_reason}){repair}"
        case _:
            return f"{view.name} {view.status}"
