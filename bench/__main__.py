"""Everything that ``make bench`` measures."""

from bench.drain import Load, drain
from bench.intake import intake
from bench.startup import startup

if __name__ == "__main__":
    startup()
    drain(Load(database="sqlite"))
    drain(Load(database="postgresql"))
    intake("sqlite")
    intake("postgresql")
