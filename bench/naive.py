"""What most scripts do: one request after the other in each thread, and nothing stored."""

import time
from concurrent.futures import ThreadPoolExecutor

import httpx

from bench.stand_in import StandIn
from bench.workplace import LOCATION, arrival


def send_all(place: StandIn, invites: int, *, threads: int = 1) -> float:
    """Create so many invites and return how many that was per second."""
    with httpx.Client(
        base_url=place.url, headers={"Authorization": f"Bearer {place.token}"}, timeout=30
    ) as client:
        locations = client.get("/v1/locations").json()["data"]
        location_id = next(one["id"] for one in locations if one["name"] == LOCATION)

        def send(number: int) -> None:
            body = _body(f"{threads}-{number}", number, location_id)
            client.post("/v1/invites", json=body).raise_for_status()

        with ThreadPoolExecutor(threads) as pool:
            began = time.monotonic()
            list(pool.map(send, range(invites)))
            return invites / (time.monotonic() - began)


def _body(name: str, number: int, location_id: str) -> dict[str, object]:
    return {
        "invite": {
            "expectedArrivalAt": arrival(number).isoformat(),
            "locationId": location_id,
            "invitee": {"name": f"Naive {name}", "email": f"naive-{name}@example.com"},
            "sendEmailToInvitee": False,
        }
    }
