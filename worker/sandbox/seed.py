"""The companies that the sandbox begins with; every name and address is made up."""

from worker.sandbox.directory import Directory
from worker.sandbox.values import Record

LOCATIONS = (
    ("San Francisco HQ", "America/Los_Angeles", True),
    ("Berlin", "Europe/Berlin", True),
    ("Singapore", "Asia/Singapore", True),
    ("Old Warehouse", "America/New_York", False),
)
FLOWS = ("Visitor", "Interview", "Contractor")
GLOBAL_FLOW = "Delivery"
DISABLED_FLOW = "Event"
# Name, and the places in LOCATIONS where the person works.
EMPLOYEES = (
    ("Maya Ortiz", (0,)),
    ("Daniel Novak", (0, 1)),
    ("Lena Brandt", (1,)),
    ("Jonas Weber", (1,)),
    ("Wei Ling Tan", (2,)),
    ("Priya Nair", (2, 0)),
)


def seed(directory: Directory, companies: int) -> None:
    """Add that many companies with the same offices, flows and people under ids of their own."""
    for _ in range(companies):
        company_id = directory.add_company().company_id
        places = [
            directory.add(company_id, "locations", location(company_id, name, zone, enabled=enabled))["id"]
            for name, zone, enabled in LOCATIONS
        ]
        _seed_flows(directory, company_id, places)
        for name, at in EMPLOYEES:
            mail = name.lower().replace(" ", ".") + "@example.com"
            directory.add(company_id, "employees", employee(name, mail, [places[i] for i in at]))


def _seed_flows(directory: Directory, company_id: str, places: list[str]) -> None:
    open_places = [place for place, (_, _, enabled) in zip(places, LOCATIONS, strict=True) if enabled]
    for place in open_places:
        for name in FLOWS:
            directory.add(company_id, "flows", flow(name, place))
    directory.add(company_id, "flows", flow(GLOBAL_FLOW, None))
    directory.add(company_id, "flows", flow(DISABLED_FLOW, places[0], enabled=False))


def location(company_id: str, name: str, timezone: str, *, enabled: bool = True) -> Record:
    """Return the content of a location as Envoy's API shows it."""
    return {
        "name": name,
        "enabled": enabled,
        "companyId": company_id,
        "locale": "en",
        "timezone": timezone,
        "logoUrl": None,
        "capacityLimit": None,
        "address": {"line1": "1 Example Street", "line2": None, "city": name},
    }


def flow(name: str, location_id: str | None, *, enabled: bool = True, kind: str = "VISITOR") -> Record:
    """Return the content of a flow; no location makes it a global one."""
    return {"name": name, "type": kind, "enabled": enabled, "locationId": location_id}


def employee(name: str, email: str, location_ids: list[str] | None) -> Record:
    """Return the content of an employee who works at these locations; None: anywhere, and it is not shown."""
    return {"name": name, "email": email, "locationIds": location_ids}
