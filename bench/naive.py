"""What most scripts do: one thread, one request after the other, and nothing stored."""

import time

import httpx

from bench.stand_in import StandIn
from bench.workplace import LOCATION, arrival


def send_all(place: StandIn, invites: int) -> float:
    """Create so many invites and return how many that was per second."""
    with httpx.Client(
        base_url=place.url, headers={"Authorization": f"Bearer {place.token}"}, timeout=30
    ) as client:
        locations = client.get("/v1/locations").json()["data"]
        location_id = next(one["id"] for one in locations if one["name"] == LOCATION)
        began = time.monotonic()
        for number in range(invites):
            client.post("/v1/invites", json=_body(number, location_id)).raise_for_status()
    return invites / (time.monotonic() - began)


def _body(number: int, location_id: str) -> dict[str, object]:
    return {
        "invite": {
            "expectedArrivalAt": arrival(number).isoformat(),
            "locationId": location_id,
            "invitee": {"name": f"Naive {number}", "email": f"naive-{number}@example.com"},
            "sendEmailToInvitee": False,
        }
    }
