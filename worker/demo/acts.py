"""The acts of the demo: what an operator does, one after the other, by the worker's own parts."""

from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass

import sqlalchemy as sa

from worker import migrations
from worker.connections import store
from worker.connections.consent import grant, redirect
from worker.connections.consent.loopback import RedirectListener
from worker.connections.model import Connection
from worker.context import Context
from worker.database.schema import upgrade
from worker.demo.browser import agree
from worker.demo.story import Story
from worker.demo.visits import BAD_LINES, CHANGES, UNKNOWN_LOCATIONS, VISITS
from worker.demo.workshop import Workshop
from worker.directory import refresh
from worker.errors import ExitCode, NeedsAuthorisation
from worker.intake import Problem, import_file
from worker.invites import Status
from worker.invites import store as invites
from worker.runs import execute, resolve_all
from worker.runs.context import MANUAL
from worker.sandbox import Sandbox

CONNECTION = "acme"
EXPECTED = VISITS - BAD_LINES - UNKNOWN_LOCATIONS
REDIRECT_SECONDS = 10
MOST_PASSES = 10  # two are needed; a demo that goes on for ever would be none


@dataclass(frozen=True, slots=True)
class Acts:
    """The acts, told to the audience as they are played."""

    story: Story
    shop: Workshop
    sandbox: Sandbox
    context: Context

    def prepare(self) -> None:
        """Migrate the new database."""
        self.story.step("Prepare")
        upgrade(self.context.any_database)
        self.story.quote(f"{self.shop.database}: a new SQLite database, schema {migrations.HEAD}")
        self.story.quote(f"{self.shop.visits}: {VISITS} visits of the coming days")
        self.story.quote(f"{self.sandbox.url}: the sandbox, a stand-in of Envoy on this machine")

    def connect(self) -> Connection:
        """Let the customer authorise us, in a browser of its own."""
        context = self.context
        self.story.step("The customer authorises us, through OAuth2")
        request = redirect.begin(context.oauth, context.settings.envoy)
        with RedirectListener(request.redirect_uri) as listener:
            agree(request.url)
            url = listener.wait(REDIRECT_SECONDS)
        if url is None:
            raise NeedsAuthorisation("the sandbox did not send the browser back")
        code = redirect.code_from(request, url)
        connection = grant.finish(
            context.database,
            context.vault,
            context.oauth,
            CONNECTION,
            request,
            code,
            look=context.api.first_locations,
        )
        self.story.tell(
            "Its administrator opened the authorize URL, pressed Allow on the consent page, and was sent"
            f" back to {request.redirect_uri}. The code was exchanged for tokens; they are stored encrypted."
        )
        self.story.good(f"{CONNECTION}: connected (company {connection.company_id})")
        return connection

    def read_directory(self, connection: Connection) -> None:
        """Read the customer's locations and flows."""
        self.story.step("Read its locations and flows")
        directory = refresh(self.context.database, self.context.api, self.context.tokens, connection)
        names = [x.name if x.enabled else f"{x.name} (disabled)" for x in directory.locations]
        self.story.tell(f"{len(names)} locations: {', '.join(names)}")
        flows = sorted({x.name for x in directory.flows})
        self.story.tell(f"{len(directory.flows)} flows: {', '.join(flows)}")

    def import_visits(self) -> None:
        """Import the sample file, with its bad lines."""
        self.story.step(f"Import {self.shop.visits}")
        problems: list[Problem] = []
        with self.shop.visits.open("rb") as stream:
            report = import_file(
                self.context.database,
                stream,
                name=str(self.shop.visits),
                connection=None,
                dry_run=False,
                on_problem=problems.append,
            )
        self.story.good(f"{report.created} created, {report.rejected} rejected (on purpose):")
        for problem in problems:
            self.story.quote(f"{self.shop.visits}:{problem.line}: {problem.column}: {problem.message}")

    def push(self) -> None:
        """Push what is due; where Envoy says 429, wait as long as it asks, and go on."""
        self.story.step("Push")
        total: Counter[str] = Counter()
        for counts, held in self._passes():
            total += counts
            if held:
                self.story.tell(
                    f'{counts["sent"]} sent, then Envoy said "too many requests" (429). The connection is'
                    " held for the second that it asked for; what was not sent stays pending. Then:"
                )
        self.story.good(f"{total['sent']} sent in all, {total['rejected']} rejected (on purpose):")
        for one in invites.page(self.context.database, status=Status.REJECTED):
            self.story.quote(f"{one.name}: {one.delivery.error_code}: {one.delivery.error_detail}")

    def compare(self) -> bool:
        """Say what Envoy has received, from its own ledger; return whether that is right."""
        self.story.step("Look into Envoy's own ledger")
        return self._ledger_is_right()

    def change(self) -> bool:
        """Move a visit and call another one off; return whether Envoy got these two, and nothing else."""
        self.story.step("A visit is moved, and another one called off, in plain SQL")
        with self.context.database.write() as connection:
            for statement in CHANGES:
                self.story.statement(statement)
                connection.execute(sa.text(statement))
        counts = sum((counts for counts, _held in self._passes()), Counter[str]())
        self.story.good(f"{counts['updated']} updated, {counts['withdrawn']} withdrawn")
        ledger = self.sandbox.ledger()
        updates, removals, held = len(ledger["updates"]), len(ledger["removes"]), len(self.sandbox.invites())
        right = (updates, removals, held) == (1, 1, EXPECTED - 1)
        line = f"{updates} update and {removals} removal in the ledger; Envoy holds {held} invites now"
        (self.story.good if right else self.story.bad)(line)
        return right

    def push_again(self) -> bool:
        """Push once more; return whether nothing was sent."""
        self.story.step("Push again")
        sent = self._pass()[0].total()
        self.story.tell("nothing to do" if sent == 0 else f"{sent} more were done, and nothing was due")
        return self._ledger_is_right() and sent == 0

    def _ledger_is_right(self) -> bool:
        ledger = self.sandbox.ledger()
        received, twice = len(ledger["creates"]), len(ledger["duplicates"])
        right = received == EXPECTED and twice == 0
        line = f"{received} invites in the sandbox's ledger, {twice or 'none'} twice"
        (self.story.good if right else self.story.bad)(line)
        return right

    def _passes(self) -> Iterator[tuple[Counter[str], bool]]:
        """Run the jobs until no hold keeps invites back; yield the counts of each pass."""
        for _ in range(MOST_PASSES):
            counts, held = self._pass()
            yield counts, held
            if not held:
                return
            self._wait_for_release()

    def _pass(self) -> tuple[Counter[str], bool]:
        """Run every registered job once; return the counts, and whether a hold ended it."""
        counts: Counter[str] = Counter()
        held = False
        for job in resolve_all(self.context.settings.jobs).values():
            result = execute(self.context, job, trigger=MANUAL)
            if result.error is not None:
                raise result.error
            counts += result.report.counts
            held = held or ExitCode.TRY_LATER in result.codes
        return counts, held

    def _wait_for_release(self) -> None:
        now = self.context.database.read_now()
        ends = [view.held_until for view in store.views(self.context.database) if view.held_until]
        self.context.stop.wait(max([(end - now).total_seconds() for end in ends], default=0))
