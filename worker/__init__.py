"""Envoy invite worker: pushes pending invites from a database to Envoy, each exactly once.

Files:

__main__: ``python -m worker``.
addresses: An e-mail address that stands where none belongs is a person's: a message shows that there is one.
allocator: Memory that a large value took goes back to the system with the value.
arrivals: Callers have written something that is due: how the database says so, and what notices it.
backoff: Back-off: how long one waits before the next try, growing with each that failed, and jittered.
cli: The command line: one module a noun, each thin; imports late, so that --help answers at once.
clock: Clocks: one for deadlines, which nobody can set, and the wall's, watched by it; a moment of it as text.
commands: What a message tells an operator to type, written so that a shell takes it as it is meant.
connections: Connections: each customer's grant, kept alive by one refresher, and how fast it may be used.
context: The composition root: settings and secrets in, working parts out; everything else receives them.
database: The database: engine, transactions, the one clock, and the schema's version.
delivery: Deliver invites: plan, claim, attempt, verdict.
demo: The sample data of ``make demo``: 25 visits of a made-up customer, three of them broken on purpose.
directory: Locations and flows of each connection: read from Envoy, kept, and resolved by id or name.
envoy: The Envoy API: OAuth2, verbs, and responses turned into data or a typed error.
errors: Every error of the worker, by what its reader does next.
failpoints: Named places at which a test ends the process as a crash would; switched off, each costs a
    comparison.
folding: Fold a text: what two spellings of it share, one of which may have been through Envoy.
intake: Files and calls become rows of the table ``invite``: CSV, JSON Lines, Python.
invites: The tables invite, delivery and attempt, and the states and their moves.
loading: What a start leaves out: looks for garbage, and what libraries would load and nothing here uses.
logs: Structured log events: one line each, redacted, and never in the way of the work.
migrations: The schema's history.  Imports nothing of the worker; ``HEAD`` is the revision this release is
    made for.
report: What a run of a job did: counts, and the troubles that decide the exit code.
retention: How long personal data and history are kept.
runs: Run a job: resolve it, take its lease, record the run, emit the canonical line.
sandbox: A stand-in of Envoy's API: a real HTTP server on loopback, with faults to switch on.
scheduler: The schedule: jobs of settings.toml on APScheduler, in memory; what is due when stands in the
    settings.
service: The long-running process: signals, drain, watchdog.
settings: Settings: settings.toml, the environment above it, and secrets apart from both.
stopping: What tells a process to end, and waits that end early for it.
visible: Make foreign text fit for a person to read: nothing in it acts, hides, or turns its neighbours
    around.
"""

__version__ = "0.1.0"
