"""Play the demo from its first line to its last."""

import json
from collections.abc import Iterator
from pathlib import Path

from worker import logs
from worker.commands import quoted
from worker.demo.acts import Acts
from worker.demo.story import Story
from worker.demo.workshop import Workshop
from worker.errors import ExitCode
from worker.settings import secrets as names

INTRODUCTION = (
    "A made-up customer, Acme, authorises our application; 25 visits from a file are then pushed to a"
    " stand-in of Envoy on this machine. One is moved afterwards, and one called off. Nothing leaves it."
)
BROKEN = (
    "Three of the visits are broken on purpose. Two are found at import: an e-mail address without @ (line 8)"
    " and a departure before its arrival (line 18). One names a location that does not exist, Berln"
    " (line 14): only Envoy's directory can tell, so it is found when it is pushed."
)
NEXT = ("invites list", "invites show acme/visit-1013", "status")
SHOWN_EVENTS = ("connection.authorised", "invite.sent", "invite.rejected")


def play(story: Story, folder: Path, program: str) -> ExitCode:
    """Play the demo in *folder*; return DONE if Envoy has every good visit exactly once.

    *program* is how the audience calls the worker, quoted for its shell.

    Raises:
        WorkerError: something is missing that the demo needs.
    """
    shop = Workshop(folder)
    story.title("The main job, end to end")
    story.tell(INTRODUCTION)
    story.tell(BROKEN)
    events = shop.events.open("w", encoding="utf-8")
    with shop.sandbox() as sandbox, shop.context(sandbox) as context, events as stream:
        secrets = [context.secrets.get(names.CLIENT_SECRET), context.secrets.get(names.ENCRYPTION_KEYS)]
        logs.configure(format="json", level="info", stream=stream, secrets=secrets)
        right = _play(Acts(story, shop, sandbox, context))
    _show_events(story, shop)
    _show_next(story, shop, program)
    return ExitCode.DONE if right else ExitCode.UNEXPECTED


def _play(acts: Acts) -> bool:
    acts.prepare()
    connection = acts.connect()
    acts.read_directory(connection)
    acts.import_visits()
    acts.push()
    right = [acts.compare(), acts.change(), acts.push_again()]
    return all(right)


def _show_events(story: Story, shop: Workshop) -> None:
    story.heading(f"Every result is an event in {shop.events}; no visitor is named there")
    for line in _first_of_each(shop.events):
        story.quote(line)


def _first_of_each(file: Path) -> Iterator[str]:
    """Yield the first event of each kind that is worth a look."""
    lines = file.read_text(encoding="utf-8").splitlines()
    for name in SHOWN_EVENTS:
        yield from [line for line in lines if json.loads(line)["event"] == name][:1]


def _show_next(story: Story, shop: Workshop, program: str) -> None:
    story.heading("What to type next")
    for command in NEXT:
        story.command(f"DATABASE_URL={quoted(shop.database_url)} {program} {command}")
    story.tell("To try your own data against the sandbox (it prints what to set):")
    story.command(f"{program} sandbox")
    story.tell("To connect a real Envoy account, see README.md.")
