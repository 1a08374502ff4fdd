"""Token answers and locations that name their company otherwise than they should, or not at all."""

from collections.abc import Mapping

from worker.sandbox.faults import Faults
from worker.sandbox.values import Record

ABSENT = "absent"
_COMPANIES: Mapping[str, object] = {
    "null": None,
    "empty": "",
    "object": {"id": "10000"},
    "list": ["10000"],
    "fraction": 10000.5,
    "control": "10000\x1b[2J\x00",
    "surrogate": "10000\ud800",
    "path": "../10000",
}
_TYPES: Mapping[str, object] = {"null": None, "empty": "", "mac": "mac"}


def token_answer(answer: Record, faults: Faults, *, refreshed: bool) -> Record:
    """Return a token answer as the faults have it."""
    company = _COMPANIES.get(faults.token_company, answer["company_id"])
    if refreshed and faults.refresh_company:
        company = faults.refresh_company
    kind = _TYPES.get(faults.token_type, answer["token_type"])
    left_out = {
        name
        for name, word in (("company_id", faults.token_company), ("token_type", faults.token_type))
        if word == ABSENT
    }
    changed = {**answer, "company_id": company, "token_type": kind}
    return {name: value for name, value in changed.items() if name not in left_out}


def location(record: Record, faults: Faults) -> Record:
    """Return a location as the faults have it; any other record as it is."""
    if not faults.location_company or "companyId" not in record:
        return record
    if faults.location_company == ABSENT:
        return {name: value for name, value in record.items() if name != "companyId"}
    return {**record, "companyId": faults.location_company}
