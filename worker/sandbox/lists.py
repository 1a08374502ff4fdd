"""Lists as Envoy might answer them: capped, in another order, with a meta that is odd or not there."""

import random
from collections.abc import Mapping, Sequence
from dataclasses import replace

from worker.sandbox.faults import Faults
from worker.sandbox.queries import Asked, asked_page, matching, page_of
from worker.sandbox.refusals import bad_request, missing
from worker.sandbox.shapes import SHAPES
from worker.sandbox.values import Record


def list_of(kind: str, records: Sequence[Record], query: Mapping[str, str], faults: Faults) -> Record:
    """Return the envelope with the page that a query asks for, as the faults have it."""
    shape = SHAPES[kind]
    if faults.lists and kind not in faults.lists.split(","):
        return page_of(records, query, shape)
    asked = asked_page(query, shape)
    given = replace(asked, per_page=min(asked.per_page, faults.page_cap or asked.per_page))
    if faults.page_ignored:
        given = replace(given, page=1)
    found = _ordered(records, matching(records, query, shape), faults)
    shown = found[: faults.list_cut] if faults.list_cut else found
    data = given.of(shown) or _beyond_end(shown, given, faults.beyond_end)
    return {"data": data, "meta": _meta(asked, given, len(found), len(data), faults.list_meta)}


def _ordered(records: Sequence[Record], found: list[Record], faults: Faults) -> list[Record]:
    if faults.list_order == "reversed":
        return found[::-1]
    if faults.list_order == "ignored":
        wanted = {record["id"] for record in found}
        return [record for record in records if record["id"] in wanted]
    if faults.list_order == "shuffled":
        # By the seed alone, so that the pages of one list still fit together.
        return random.Random(faults.seed).sample(found, len(found))  # noqa: S311 - repeatable
    return found


def _beyond_end(shown: list[Record], given: Asked, word: str) -> list[Record]:
    """Return what a page without records has; Refused where it is an error."""
    if given.page == 1:
        return []
    if word == "400":
        raise bad_request("there is no such page")
    if word == "404":
        raise missing("page")
    last = -(-len(shown) // given.per_page)
    return replace(given, page=last).of(shown) if word == "last" and last else []


def _meta(asked: Asked, given: Asked, total: int, here: int, word: str) -> Record:
    if word == "absent":
        return {}
    lies: Mapping[str, object] = {
        "low": max(0, total - 1), "high": total + 1, "negative": -1, "text": str(total), "of_page": here,
    }  # fmt: skip
    per_page = asked.per_page if word == "as_asked" else given.per_page
    return {"page": asked.page, "perPage": per_page, "total": lies.get(word, total)}
