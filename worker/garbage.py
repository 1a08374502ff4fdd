"""When Python looks for garbage: not while it loads, and not in what stays loaded."""

import gc

# Loading makes about 130,000 objects that stay.  To look through them again and again for garbage takes a
# tenth of the start; a command that never gets to `is_loaded` has the first look after so many.
WHILE_LOADING = 200_000
_USUAL = gc.get_threshold()


def none_while_loading() -> None:
    """Put the first look for garbage off until the process is loaded."""
    gc.set_threshold(WHILE_LOADING, *_USUAL[1:])


def loaded() -> None:
    """Look as usual from now on, but never again through what is there by now; the first call counts."""
    if gc.get_threshold() != _USUAL:
        gc.freeze()
        gc.set_threshold(*_USUAL)
