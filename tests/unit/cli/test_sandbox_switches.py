"""The command ``sandbox``: its switches are the sandbox's faults."""

from dataclasses import fields
from typing import get_args, get_type_hints

import pytest

from worker.cli.sandbox.command import sandbox
from worker.cli.sandbox.switches import RENAMED
from worker.sandbox import Faults
from worker.sandbox.faults import CHOICES

OF_THE_SERVER = {"port", "companies", "token_seconds"}
WORDS = sorted(name for name, values in CHOICES.items() if values[0] == "")


@pytest.mark.parametrize("name", sorted(set(get_type_hints(sandbox)) - OF_THE_SERVER - {"return"}))
def test_each_switch_is_a_fault_and_is_explained(name: str) -> None:
    """On the command line, and by its name as it is posted while the sandbox runs."""
    (option,) = get_type_hints(sandbox, include_extras=True)[name].__metadata__

    assert option.help
    assert RENAMED.get(name, name) in {field.name for field in fields(Faults)}


@pytest.mark.parametrize("name", WORDS)
def test_a_switch_takes_the_words_that_the_fault_takes(name: str) -> None:
    """No more and no less; left out it is off."""
    words = {word for part in get_args(get_type_hints(sandbox)[name]) for word in get_args(part)}

    assert words == set(CHOICES[name]) - {""}
