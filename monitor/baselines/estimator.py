"""Find `module:factory`: on PYTHONPATH, or beside what the person works with."""

from __future__ import annotations

import importlib
import sys
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from monitor.errors import InputError, Problem

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from pathlib import Path

_OPTION: Final = "--estimator"


@contextmanager
def importable(folders: Sequence[Path]) -> Iterator[None]:
    """Let modules in these folders be imported, after everything that is installed."""
    added = [text for text in dict.fromkeys(str(folder.resolve()) for folder in folders) if text not in sys.path]
    sys.path += added
    try:
        yield
    finally:
        for text in added:
            sys.path.remove(text)


def load_factory(name: str, folders: Sequence[Path]) -> Callable[[], Any]:
    """Return what `module:factory` names. Raises InputError that says where it was looked for."""
    module_name, _, attribute = name.partition(":")
    place = f"{_OPTION} {name}"
    if not module_name or not attribute:
        finding = "is not of the form module:factory"
        raise InputError(Problem(place, finding, "write for example --estimator churn_model:make"))
    try:
        found: Any = importlib.import_module(module_name)
    except ModuleNotFoundError as error:
        if error.name is not None and (module_name == error.name or module_name.startswith(error.name + ".")):
            looked = ", ".join(str(folder) for folder in folders)
            finding = f"there is no module {error.name} on PYTHONPATH or in {looked}"
            raise InputError(Problem(place, finding, "put the file there, or set PYTHONPATH")) from None
        finding = f"its module imports {error.name}, which is not installed"
        raise InputError(Problem(place, finding, f"install {error.name}")) from None
    except Exception as error:
        finding = f"its module raised {type(error).__name__}: {error}"
        raise InputError(Problem(place, finding, "mend the module; importing it has to work")) from error
    for part in attribute.split("."):
        if not hasattr(found, part):
            offered = [
                other for other in sorted(vars(found)) if not other.startswith("_") and callable(vars(found)[other])
            ]
            finding = f"module {module_name} has no {attribute}"
            raise InputError(Problem(place, finding, f"it has {', '.join(offered[:8]) or 'nothing to call'}"))
        found = getattr(found, part)
    if not callable(found):
        finding = f"is a {type(found).__name__}, not a function"
        raise InputError(
            Problem(place, finding, "name a function without arguments that returns an unfitted estimator")
        )
    factory: Callable[[], Any] = found
    return factory
