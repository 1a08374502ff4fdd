"""Lists and names of the sandbox, as the faults have them."""

import pytest

from worker.sandbox import Faults
from worker.sandbox.lists import list_of
from worker.sandbox.refusals import Refused
from worker.sandbox.showing import shown
from worker.sandbox.values import Record

FLOWS: list[Record] = [
    {"id": str(number), "name": f"Flow {9 - number}", "createdAt": f"2026-02-20T10:00:{number:02d}Z"}
    for number in range(5)
]


def ids(page: int, faults: Faults, **query: str) -> str:
    """Return the ids on a page of the flows, written together."""
    answer = list_of("flows", FLOWS, {"page": str(page), **query}, faults)
    return "".join(record["id"] for record in answer["data"])


def meta(faults: Faults, page: int = 1) -> Record:
    """Return the meta of a page of the flows."""
    found: Record = list_of("flows", FLOWS, {"page": str(page)}, faults)["meta"]
    return found


def test_a_cap_makes_pages_shorter_than_asked() -> None:
    """The pages follow each other without a gap, and the meta says how long they are."""
    capped = Faults(page_cap=2)

    assert [ids(page, capped) for page in (1, 2, 3, 4)] == ["01", "23", "4", ""]
    assert ids(2, capped, perPage="1") == "1"
    assert meta(capped, 2) == {"page": 2, "perPage": 2, "total": 5}


@pytest.mark.parametrize(
    ("order", "whole"), [("", "43210"), ("ignored", "01234"), ("reversed", "01234"), ("shuffled", None)]
)
def test_a_list_comes_in_another_order_than_asked(order: str, whole: str | None) -> None:
    """Its pages still fit together."""
    faults = Faults(list_order=order, page_cap=3, seed=1)
    found = ids(1, faults, sort="NAME") + ids(2, faults, sort="NAME")

    assert "".join(sorted(found)) == "01234"
    assert whole is None or found == whole


@pytest.mark.parametrize(
    ("word", "total"), [("low", 4), ("high", 6), ("negative", -1), ("text", "5"), ("of_page", 2), ("", 5)]
)
def test_a_total_may_not_be_true(word: str, total: object) -> None:
    """Or it is no number."""
    assert meta(Faults(list_meta=word, page_cap=2))["total"] == total


def test_a_meta_may_be_absent_or_repeat_what_was_asked() -> None:
    """Nothing may need it."""
    assert meta(Faults(list_meta="absent")) == {}
    assert meta(Faults(list_meta="as_asked", page_cap=2))["perPage"] == 100


def test_a_page_beyond_the_end_is_an_error_or_the_last_one_again() -> None:
    """Or empty, as it is without a fault; the first page is never beyond the end."""
    assert ids(3, Faults(page_cap=3, beyond_end="last")) == "34"
    assert ids(2, Faults(page_cap=3, page_ignored=True)) == "012"
    for word in ("400", "404"):
        assert list_of("flows", [], {}, Faults(beyond_end=word))["data"] == []
        with pytest.raises(Refused) as refused:
            ids(2, Faults(beyond_end=word))
        assert str(int(refused.value.status)) == word


def test_a_cut_list_counts_more_than_it_shows() -> None:
    """That is what tells it from a whole one."""
    assert (ids(1, Faults(list_cut=2)), meta(Faults(list_cut=2))["total"]) == ("01", 5)


def test_the_faults_of_lists_may_be_for_one_kind_only() -> None:
    """So that the directory can be read while invites cannot."""
    assert ids(1, Faults(page_cap=2, lists="invites,locations")) == "01234"
    assert ids(1, Faults(page_cap=2, lists="invites,flows")) == "01"


@pytest.mark.parametrize(
    ("word", "name", "changed"),
    [
        ("decomposed", "Z\u00fcrich", "Zu\u0308rich"),
        ("entities", "R&D Z\u00fcrich", "R&amp;D Z&uuml;rich"),
        ("trimmed", " Ann  Lee ", "Ann Lee"),
        ("without_emoji", "Ann \U0001f9d1\U0001f3fd\u200d\U0001f680 Lee", "Ann Lee"),
        ("upper", "Ann", "ANN"),
        ("", "Ann", "Ann"),
    ],
)
def test_names_come_back_changed(word: str, name: str, changed: str) -> None:
    """Of a place and of a visitor; what is stored stays as it was."""
    assert shown({"name": name}, word) == {"name": changed}
    assert shown({"invitee": {"name": name, "email": None}}, word)["invitee"]["name"] == changed
    assert shown({"id": "1"}, word) == {"id": "1"}
