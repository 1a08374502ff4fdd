"""A line of the table of measurements says what was reached, and nothing where nothing shall be judged."""

import pytest

from bench.table import Line, Target, share


@pytest.mark.parametrize(
    ("line", "reached"),
    [
        (Line("speed", "96", "100", ratio=0.96, target=Target(0.96)), True),
        (Line("speed", "95", "100", ratio=0.95, target=Target(0.96)), False),
        (Line("memory", "90 MiB", value=90, target=Target(90, " MiB", most=True)), True),
        (Line("memory", "91 MiB", value=91, target=Target(90, " MiB", most=True)), False),
        (Line("import", "3 s", "1 s", ratio=3.0), None),
    ],
)
def test_a_target_is_a_bound_on_one_side(line: Line, *, reached: bool | None) -> None:
    """A share shall be at least its target, a size at most; a line without one is not judged."""
    assert line.reached is reached


def test_a_line_is_a_row_of_markdown_and_judged_only_where_that_is_wanted() -> None:
    """The quick run prints the figures without a word on them."""
    line = Line("speed", "95", "100", ratio=0.95, target=Target(0.96))

    assert line.markdown() == "| speed | 95 | 100 | 0.95 | 0.96 | not reached |"
    assert line.markdown(judged=False) == "| speed | 95 | 100 | 0.95 | 0.96 |  |"


def test_the_99th_percentile_of_few_values_is_the_largest() -> None:
    """No value that was seen is left out because there are too few."""
    assert share([3.0, 1.0, 2.0], 0.99) == 3.0
    assert share([float(number) for number in range(1000)], 0.99) == 990.0
