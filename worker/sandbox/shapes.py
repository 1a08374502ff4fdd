"""The query parameters of each list, as Envoy's API reference and its clients name them."""

from worker.sandbox.queries import Shape, any_of, flag, part_of, since, until

_CREATED = {"createdAtAfter": since("createdAt"), "createdAtBefore": until("createdAt")}

SHAPES = {
    "locations": Shape(
        {"ids": any_of("id"), "enabled": flag("enabled"), **_CREATED},
        {"createdAt": "createdAt", "updatedAt": "updatedAt"},
        longest_page=100,
    ),
    "flows": Shape(
        {
            "ids": any_of("id"),
            "locationIds": any_of("locationId"),
            "enabled": flag("enabled"),
            "name": part_of("name"),
            "type": any_of("type"),
        },
        {"NAME": "name", "CREATED_AT": "createdAt"},
    ),
    "employees": Shape(
        {"ids": any_of("id"), "name": part_of("name"), "email": part_of("email")},
        {"NAME": "name", "EMAIL": "email"},
    ),
    "invites": Shape(
        {
            "ids": any_of("id"),
            "locationIds": any_of("locationId"),
            "expectedArrivalAtAfter": since("expectedArrivalAt"),
            "expectedArrivalAtBefore": until("expectedArrivalAt"),
            **_CREATED,
            "hostEmail": part_of("host", "email"),
            "inviteeEmail": part_of("invitee", "email"),
            "type": any_of("type"),
            "approvalStatus": any_of("approvalStatus"),
        },
        {"CREATED_AT": "createdAt", "EXPECTED_ARRIVAL_AT": "expectedArrivalAt"},
    ),
}
