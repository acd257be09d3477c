"""How modules of handlers are imported, and what is said of one that cannot be: one sentence, with the place.

An import runs whatever stands in a module, so anything may come out of it.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import sys
import sysconfig
import traceback
from collections.abc import Iterator
from pathlib import Path
from types import ModuleType
from typing import Final

from ..model import HandlerError

_OURS: Final = f"{Path(__file__).parents[1]}{os.sep}"
_PYTHONS: Final = (sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib"), "<")
_PACKAGES: Final = {"site-packages", "dist-packages"}


def import_with_submodules(name: str) -> Iterator[ModuleType]:
    """Import a module and, where it is a package, all that is in it.

    Raises:
        HandlerError: there is no such module, or it cannot be imported.
    """
    module = _import(name)
    yield module
    for found in pkgutil.iter_modules(getattr(module, "__path__", ()), prefix=f"{name}."):
        # A package's command-line entry is run, not imported.
        if found.name.rpartition(".")[2] != "__main__":
            yield from import_with_submodules(found.name)


def _import(name: str) -> ModuleType:
    if name.endswith(".py") or not all(part.isidentifier() for part in name.split(".")):
        raise HandlerError(
            f"{name!r} is no name of a module: write it as an import does, app.mail for app/mail.py"
        )
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and f"{name}.".startswith(f"{error.name}."):
            places = ", ".join([*_own_directories(), "what is installed"])
            raise HandlerError(f"there is no module {name!r}; looked in: {places}") from None
        raise _refuse(name, error) from error
    except KeyboardInterrupt:
        raise
    except BaseException as error:  # sys.exit(0) in a module must not look like an end in order
        raise _refuse(name, error) from error


def _own_directories() -> list[str]:
    return [path or "." for path in sys.path if Path(path).is_dir() and _is_own(path)]


def _refuse(name: str, error: BaseException) -> HandlerError:
    # The texts of some errors have several lines.
    text = " ".join(str(error.msg if isinstance(error, SyntaxError) else error).split())
    match error:
        case SystemExit():
            what = f"it ends the process when it is imported, by sys.exit({error.code!r})"
        case HandlerError():
            what = text
        case _:
            what = f"{type(error).__name__}: {text}" if text else type(error).__name__
    return HandlerError(f"the handlers in {name!r} cannot be loaded: {what}{_place(error)}")


def _place(error: BaseException) -> str:
    """Where to look: the last line of the user's own that ran, not one in a package that it called."""
    if isinstance(error, SyntaxError) and error.lineno and Path(error.filename or "").is_file():
        return f" ({error.filename}, line {error.lineno})"
    frames = traceback.extract_tb(error.__traceback__)
    # The handlers may be in a package that is installed.
    for is_wanted in (_is_own, _is_packages):
        for frame in reversed(frames):
            if is_wanted(frame.filename):
                return f" ({frame.filename}, line {frame.lineno})"
    return ""


def _is_own(path: str) -> bool:
    return not path.startswith((_OURS, *_PYTHONS)) and not _is_packages(path)


def _is_packages(path: str) -> bool:
    return not path.startswith(_OURS) and not _PACKAGES.isdisjoint(Path(path).parts)
