"""The command ``sandbox``: its switches are the sandbox's faults."""

from typing import get_args, get_type_hints

import pytest

from worker.cli.sandbox import sandbox
from worker.sandbox import Faults
from worker.sandbox.faults import WORDS

OF_LISTS = (
    "lists",
    "page_cap",
    "page_ignored",
    "list_order",
    "list_meta",
    "beyond_end",
    "list_cut",
    "names_shown",
)


@pytest.mark.parametrize("name", OF_LISTS)
def test_each_fault_of_lists_is_a_switch_and_is_explained(name: str) -> None:
    """On the command line, and where it is posted while the sandbox runs."""
    (option,) = get_type_hints(sandbox, include_extras=True)[name].__metadata__

    assert option.help
    assert f"*{name}*" in str(Faults.__doc__)


@pytest.mark.parametrize("name", sorted(WORDS))
def test_a_switch_takes_the_words_that_the_fault_takes(name: str) -> None:
    """No more and no less; left out it is off."""
    words = {word for part in get_args(get_type_hints(sandbox)[name]) for word in get_args(part)}

    assert words == set(WORDS[name]) - {""}
