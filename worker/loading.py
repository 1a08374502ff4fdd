"""What a start leaves out: looks for garbage, and what libraries would load and nothing here uses."""

import gc
import importlib
import sys
import typing

# Loading makes about 130,000 objects that stay.  To look through them again and again for garbage takes a
# tenth of the start; a command that never gets to `end` has the first look after so many.
WHILE_LOADING = 200_000
_USUAL = gc.get_threshold()


def begin() -> None:
    """Put the first look for garbage off until the process is loaded."""
    gc.set_threshold(WHILE_LOADING, *_USUAL[1:])


def leave_out() -> None:
    """Have structlog and httpx load without what they take for tracebacks in colour, and for a command line.

    It would take a tenth of the start and 4 MiB.  Who imports rich afterwards gets it.
    """
    # None is what Python holds there for what may not be imported (its reference, "the module cache").
    sys.modules.setdefault("httpx._main", None)  # type: ignore[arg-type]
    if "rich" in sys.modules or "structlog" in sys.modules:
        return
    sys.modules["rich"] = None  # type: ignore[assignment]
    try:
        importlib.import_module("structlog")
    finally:
        del sys.modules["rich"]


def end() -> None:
    """Look as usual from now on, but never again through what is there by now; the first call counts."""
    if gc.get_threshold() != _USUAL:
        # What typing keeps of functions with several signatures is for tools that read them: a megabyte.
        typing.clear_overloads()
        gc.freeze()
        gc.set_threshold(*_USUAL)
