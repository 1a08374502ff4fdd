"""Locations, flows and employees of the companies that the sandbox plays."""

from dataclasses import dataclass, field

from worker.sandbox.refusals import contradictory, missing
from worker.sandbox.values import Clock, Record, utc_text

FIRST_COMPANY = 10000
FIRST_IDS = {"locations": 100001, "flows": 200001, "employees": 300001}
IDS_PER_COMPANY = 10000


@dataclass(slots=True)
class Company:
    """One customer's records, by kind and id."""

    company_id: str
    number: int
    records: dict[str, dict[str, Record]] = field(
        default_factory=lambda: {kind: {} for kind in FIRST_IDS}, repr=False
    )
    approval_flows: set[str] = field(default_factory=set)

    def next_id(self, kind: str) -> str:
        """Return the id that the next record of a kind gets: stable, and no other company's."""
        return str(FIRST_IDS[kind] + self.number * IDS_PER_COMPANY + len(self.records[kind]))


@dataclass(frozen=True, slots=True)
class Placement:
    """Where a visit takes place: records that agree with each other."""

    location: Record
    flow: Record | None
    host: Record | None = field(repr=False)


@dataclass(slots=True)
class Directory:
    """The directories of all companies."""

    clock: Clock
    companies: dict[str, Company] = field(default_factory=dict)

    def add_company(self) -> Company:
        """Return a new, empty company; the first has the id 10000."""
        number = len(self.companies)
        company = Company(str(FIRST_COMPANY + number), number)
        self.companies[company.company_id] = company
        return company

    def add(self, company_id: str, kind: str, content: Record) -> Record:
        """Store a record under the next id of its kind and return it."""
        company = self.companies[company_id]
        now = utc_text(self.clock())
        record = {"id": company.next_id(kind), **content, "createdAt": now, "updatedAt": now}
        company.records[kind][record["id"]] = record
        return record

    def records(self, company_id: str, kind: str) -> list[Record]:
        """Return all records of a kind, oldest first."""
        return list(self.companies[company_id].records[kind].values())

    def one(self, company_id: str, kind: str, item: str) -> Record:
        """Return one record of a company; Refused with 404 if it has none of that id."""
        record = self.companies[company_id].records[kind].get(item)
        if record is None:
            raise missing(kind.removesuffix("s"))
        return record

    def name_of(self, company_id: str, kind: str, item: str | None) -> str:
        """Return the name of a record, "" for none."""
        return str(self.one(company_id, kind, item)["name"]) if item else ""

    def disable_location(self, location_id: str) -> None:
        """Deactivate a location, whichever company has it; KeyError if none has."""
        company = next(c for c in self.companies.values() if location_id in c.records["locations"])
        records = company.records["locations"]
        now = utc_text(self.clock())
        # Replaced, not changed: an answer being written may still hold the old record.
        records[location_id] = {**records[location_id], "enabled": False, "updatedAt": now}

    def place(self, company_id: str, wanted: Record) -> Placement:
        """Return where an invite belongs; Refused unless location, flow and host exist and agree."""
        location = self.one(company_id, "locations", wanted["locationId"])
        if not location["enabled"]:
            raise contradictory("the location is disabled")
        flow = self._flow(company_id, location["id"], wanted.get("flowId"))
        host_id = wanted.get("hostEmployeeId")
        host = self.one(company_id, "employees", host_id) if host_id else None
        places = host["locationIds"] if host else None
        if places is not None and location["id"] not in places:
            raise contradictory("the host does not work at the location")
        return Placement(location, flow, host)

    def needs_approval(self, company_id: str, flow: Record | None) -> bool:
        """Return whether invites of a flow wait for a person."""
        return flow is not None and flow["id"] in self.companies[company_id].approval_flows

    def _flow(self, company_id: str, location_id: str, flow_id: str | None) -> Record | None:
        if flow_id is None:
            return self._default_flow(company_id, location_id)
        flow = self.one(company_id, "flows", flow_id)
        if not flow["enabled"]:
            raise contradictory("the flow is disabled")
        if flow["locationId"] not in (location_id, None):
            raise contradictory("the flow belongs to another location")
        return flow

    def _default_flow(self, company_id: str, location_id: str) -> Record | None:
        enabled = [flow for flow in self.records(company_id, "flows") if flow["enabled"]]
        own = (flow for flow in enabled if flow["locationId"] == location_id)
        shared = (flow for flow in enabled if flow["locationId"] is None)
        return next(own, None) or next(shared, None)
