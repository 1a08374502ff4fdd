"""Many customers at once, as if each had consented and its directory had been read."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from itertools import islice

import sqlalchemy as sa

from bench import answers
from worker.connections.model import CONNECTIONS
from worker.connections.states import ConnectionStatus
from worker.connections.vault import Vault
from worker.context import Context
from worker.directory.model import FLOWS, LOCATIONS

AT_ONCE = 500
NAMED = {"envoy_id": "id", "name": "name", "enabled": "enabled"}
# Each table of a directory, what a company's list for it is, and which of its keys are stored as what.
LISTS = (
    (LOCATIONS, answers.locations, NAMED | {"timezone": "timezone"}),
    (FLOWS, answers.flows, NAMED | {"type": "type", "location_id": "locationId"}),
)
SCOPES = "locations.read flows.read invites.write token.refresh"


def store(context: Context, names: Sequence[str], first_id: int, **columns: object) -> None:
    """Store customers; the number of each is its id and its company, *columns* replace what is usual."""
    numbered = zip(names, range(first_id, first_id + len(names)), strict=True)
    now = datetime.now(UTC)
    while some := list(islice(numbered, AT_ONCE)):
        rows = [_customer(context.vault, name, number, now) | columns for name, number in some]
        with context.database.write() as transaction:
            transaction.execute(sa.insert(CONNECTIONS), rows)
            for table, listed, stored in LISTS:
                found = [row for _, key in some for row in _listed(key, listed(str(key)), stored)]
                transaction.execute(sa.insert(table), found)


def due_for_refresh(now: datetime) -> dict[str, object]:
    """Return the columns of a token that is due for its refresh, and valid for some minutes yet."""
    return {"access_issued_at": now - timedelta(hours=23, minutes=55)} | _until(now + timedelta(minutes=5))


def _until(end: datetime) -> dict[str, object]:
    return {"access_expires_at": end}


def _customer(vault: Vault, name: str, number: int, now: datetime) -> dict[str, object]:
    pair = answers.tokens(str(number), 0)
    return {
        "id": number,
        "name": name,
        "status": ConnectionStatus.ACTIVE,
        "company_id": str(number),
        "scopes": SCOPES,
        "access_token_enc": vault.seal(str(pair["access_token"]), connection_id=number, field="access"),
        "refresh_token_enc": vault.seal(str(pair["refresh_token"]), connection_id=number, field="refresh"),
        "access_issued_at": now,
        "lifetime_seconds": float(answers.DAY),
        "refresh_expires_at": now + timedelta(days=30),
        "refreshed_at": now,
        "token_version": 1,
        "default_location": "Berlin",
        "directory_refreshed_at": now,
        **_until(now + timedelta(seconds=answers.DAY)),
    }


def _listed(
    number: int, items: Iterable[Mapping[str, object]], columns: Mapping[str, str]
) -> Iterator[dict[str, object]]:
    for item in items:
        yield {"connection_id": number} | {column: item[key] for column, key in columns.items()}
