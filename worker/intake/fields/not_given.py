"""What stands for an argument that was not given, where None means empty."""

from enum import Enum
from typing import Final


class NotGiven(Enum):
    """The type of the one value that says nothing."""

    NOT_GIVEN = "not given"

    def __repr__(self) -> str:
        return self.name


NOT_GIVEN: Final = NotGiven.NOT_GIVEN
