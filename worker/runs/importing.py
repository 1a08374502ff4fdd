"""Import job modules, each judged before a line of it runs."""

import importlib
import os
import sys
import sysconfig
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from importlib.machinery import ModuleSpec
from pathlib import Path
from types import ModuleType

from worker.errors import SettingsError
from worker.settings.trust import require_trusted

# Anyone who can write there has taken over the interpreter and this program already.
_PATHS = {
    Path(sysconfig.get_path(name)).absolute() for name in ("stdlib", "platstdlib", "purelib", "platlib")
}
INSTALLED = (*_PATHS, *(path.resolve() for path in _PATHS))
OURS = "worker"


def import_job(name: str) -> ModuleType:
    """Return the module of that name.

    Judged are the module, its packages, and what they import from where no package is installed, as a
    working directory.  What a job imports later, when it runs, is not.

    Raises:
        ImportError: there is none, or it cannot be imported.
        SettingsError: one of them may not be trusted; it was not run.
    """
    with _judged():
        return importlib.import_module(name)


@contextmanager
def _judged() -> Iterator[None]:
    judge = _Judge()
    sys.meta_path.insert(0, judge)
    try:
        yield
    finally:
        sys.meta_path.remove(judge)


class _Judge:
    """Stands before those that find modules, and judges what they find."""

    def find_spec(
        self, name: str, path: Sequence[str] | None = None, target: ModuleType | None = None
    ) -> ModuleSpec | None:
        """Return what another one finds."""
        for finder in sys.meta_path:
            spec = finder.find_spec(name, path, target) if not isinstance(finder, _Judge) else None
            if spec is not None:
                if name.partition(".")[0] != OURS:
                    _require_trusted(spec)
                return spec
        return None


def _require_trusted(spec: ModuleSpec) -> None:
    for place in map(Path, _places(spec)):
        path = _on_disk(place.absolute())
        if path is None or any(path.is_relative_to(folder) for folder in INSTALLED):
            continue
        try:
            require_trusted(path, f"module {spec.name}: {path}", others_may_add=False)
        except OSError as error:
            reason = type(error).__name__
        else:
            continue
        raise SettingsError(f"module {spec.name}: nobody can tell whose {path} is ({reason})")


def _on_disk(place: Path) -> Path | None:
    """Return the file or folder that a place is, or is in: an archive; None if nothing can be found.

    A package may name what is no path at all, such as the hook of an editable install.
    """
    there = next(path for path in (place, *place.parents) if os.path.lexists(path))
    return there if there == place or there.is_file() else None


def _places(spec: ModuleSpec) -> Iterator[str]:
    """Yield the module's folder, if it is a package, its file, and what Python compiled it to."""
    yield from spec.submodule_search_locations or ()
    if spec.has_location and spec.origin:
        yield spec.origin
    if spec.cached and Path(spec.cached).exists():
        yield spec.cached
