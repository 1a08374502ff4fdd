"""The lines of the table: what was measured, beside what, the ratio, and what it shall be."""

from dataclasses import dataclass
from statistics import median

HEAD = "| what | measured | beside it | ratio | at least / most | |\n|---|---|---|---|---|---|"


@dataclass(frozen=True, slots=True)
class Target:
    """A bound; *most*: the value shall not be above it, else not below it."""

    value: float
    unit: str = ""
    most: bool = False

    def met_by(self, value: float) -> bool:
        """Return whether a value keeps the bound."""
        return value <= self.value if self.most else value >= self.value

    def __str__(self) -> str:
        return f"{'at most ' if self.most else ''}{self.value:g}{self.unit}"


@dataclass(frozen=True, slots=True)
class Line:
    """One line; *ratio* is None if a figure counts for itself, and then *value* is compared."""

    what: str
    measured: str
    beside: str = ""
    ratio: float | None = None
    value: float | None = None
    target: Target | None = None

    @property
    def reached(self) -> bool | None:
        """Whether the target is reached, None if there is none."""
        compared = self.value if self.ratio is None else self.ratio
        return None if self.target is None or compared is None else self.target.met_by(compared)

    def markdown(self, *, judged: bool = True) -> str:
        """Return it as a row of a table; *judged*: with a word on whether the target is reached."""
        ratio = "" if self.ratio is None else f"{self.ratio:.2f}"
        verdict = {None: "", True: "reached", False: "not reached"}[self.reached if judged else None]
        cells = (self.what, self.measured, self.beside, ratio, str(self.target or ""), verdict)
        return f"| {' | '.join(cells)} |"


def middle(values: list[float]) -> float:
    """Return the median."""
    return median(values)


def share(values: list[float], number: float) -> float:
    """Return the value that this share of them does not exceed."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(number * len(ordered)))]
