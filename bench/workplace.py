"""A worker's environment and context, and a customer who is connected through consent."""

import os
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager

import httpx

from bench.stand_in import StandIn
from worker import logs
from worker.connections.consent import grant, redirect
from worker.connections.vault import new_key
from worker.context import Context
from worker.database.schema import upgrade
from worker.directory import refresh

REDIRECT_URI = "http://127.0.0.1:1/never-opened"


def environment(url: str, place: StandIn, **settings: object) -> dict[str, str]:
    """Return the environment of a worker that serves *url* and calls the stand-in, without a pace.

    *settings* are more of its variables, without their ``WORKER_``.
    """
    ours = {name: value for name, value in os.environ.items() if not name.startswith("WORKER_")}
    return ours | {
        "DATABASE_URL": url,
        "ENVOY_CLIENT_ID": "sandbox-client",
        "ENVOY_CLIENT_SECRET": "sandbox-secret",
        "WORKER_ENCRYPTION_KEYS": new_key(),
        "WORKER_ENVOY__API_URL": place.url,
        "WORKER_ENVOY__AUTHORIZE_URL": place.url,
        "WORKER_ENVOY__TOKEN_URL": place.token_url,
        "WORKER_ENVOY__REDIRECT_URI": REDIRECT_URI,
        "WORKER_LOG__FORMAT": "json",
        "WORKER_PUSH__RATE_PER_SECOND": "0",
        **{f"WORKER_{name}": str(value) for name, value in settings.items()},
    }


@contextmanager
def opened(env: Mapping[str, str]) -> Iterator[Context]:
    """Give a worker's context on a migrated database; only what goes wrong is told."""
    logs.configure(format="json", level="error", stream=sys.stderr)
    with Context.from_environment(env, access="create") as context:
        upgrade(context.any_database)
        yield context


def connect(context: Context, name: str, *, company_id: str = "") -> None:
    """Connect a customer through the sandbox's consent, and read the directory."""
    request = redirect.begin(context.oauth, context.settings.envoy)
    company = f"&company_id={company_id}" if company_id else ""
    consent = httpx.get(f"{request.url}&auto=allow{company}", timeout=30)
    code = redirect.code_from(request, consent.headers["location"])
    connection = grant.finish(
        context.database, context.vault, context.oauth, name, request, code, look=context.api.first_locations
    )
    refresh(context.database, context.api, context.tokens, connection)
