"""The commands of ``envoy-worker``."""

import typer

from worker import loading
from worker.cli import (
    check,
    connect,
    connections,
    db,
    demo,
    directory,
    invites,
    keys,
    run,
    run_once,
    sandbox,
    status,
)

EPILOG = (
    "Exit codes: 0 done; 1 unexpected; 2 usage; 3 a row or line was rejected, or one is unknown;"
    " 69 Envoy or the database unreachable; 74 disk full; 75 try again later;"
    " 77 a connection must be authorised again; 78 settings or schema wrong."
)

app = typer.Typer(
    name="envoy-worker",
    help="Push pending invites from a database to Envoy, each exactly once.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
    context_settings={"help_option_names": ["-h", "--help"]},
)
# A command is about to run, and no help of the program alone is asked for.
app.callback()(loading.leave_out)
run.register(app)
run_once.register(app)
connect.register(app)
connections.register(app)
directory.register(app)
invites.register(app)
status.register(app)
check.register(app)
db.register(app)
keys.register(app)
sandbox.register(app)
demo.register(app)
