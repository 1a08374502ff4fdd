"""Token answers and locations that name their company otherwise, or not at all."""

import json

import pytest

from worker.sandbox.faults import CHOICES, Faults
from worker.sandbox.misnaming import location, token_answer
from worker.sandbox.values import Record

ANSWER: Record = {"token_type": "Bearer", "access_token": "a", "company_id": "10000"}


def test_without_faults_all_is_as_it_was() -> None:
    """The faults are off by default."""
    assert token_answer(ANSWER, Faults(), refreshed=True) == ANSWER
    assert location({"id": "1", "companyId": "10000"}, Faults()) == {"id": "1", "companyId": "10000"}


@pytest.mark.parametrize("word", CHOICES["token_company"][1:])
def test_each_word_for_a_company_is_no_company(word: str) -> None:
    """And each can be written as JSON."""
    told = token_answer(ANSWER, Faults(token_company=word), refreshed=False)

    assert told.get("company_id") != "10000"
    assert ("company_id" in told) is (word != "absent")
    assert json.loads(json.dumps(told)) == told


@pytest.mark.parametrize(
    ("word", "expected"), [("null", None), ("empty", ""), ("mac", "mac"), ("absent", ...)]
)
def test_each_word_for_a_type_is_another_type(word: str, expected: object) -> None:
    """Or none."""
    assert expected == token_answer(ANSWER, Faults(token_type=word), refreshed=False).get("token_type", ...)


def test_a_refresh_may_name_another_company() -> None:
    """A consent does not."""
    faults = Faults(refresh_company="20000")

    assert token_answer(ANSWER, faults, refreshed=True)["company_id"] == "20000"
    assert token_answer(ANSWER, faults, refreshed=False)["company_id"] == "10000"


def test_locations_may_name_another_company_or_none() -> None:
    """Other records name none, and stay."""
    record = {"id": "1", "companyId": "10000"}

    assert location(record, Faults(location_company="20000")) == {"id": "1", "companyId": "20000"}
    assert location(record, Faults(location_company="absent")) == {"id": "1"}
    assert location({"id": "1"}, Faults(location_company="20000")) == {"id": "1"}
