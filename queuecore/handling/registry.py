"""How the handlers of a project are found: modules are imported, their handlers collected by kind."""

from __future__ import annotations

import importlib
import pkgutil
import sys
import traceback
from collections.abc import Iterable, Iterator
from pathlib import Path
from types import ModuleType
from typing import Any

from ..model import HandlerError, UnknownKind
from .handler import Handler
from .signature import place_of


class Registry:
    """The kinds of job that a process knows.

    Raises:
        HandlerError: two handlers have the same kind.
    """

    def __init__(self, handlers: Iterable[Handler[..., Any]] = ()) -> None:
        self._handlers: dict[str, Handler[..., Any]] = {}
        for each in handlers:
            self._add(each)

    @classmethod
    def load(cls, modules: Iterable[str] | str) -> Registry:
        """Import modules, and the submodules of packages, and collect their handlers.

        Args:
            modules: names as in an import statement: ["handlers"]; a text is the name of one.

        Raises:
            HandlerError: a module cannot be imported, whatever it raises, or two handlers have the same kind.
        """
        registry = cls()
        for name in [modules] if isinstance(modules, str) else modules:
            for module in _import_with_submodules(name):
                for value in vars(module).values():
                    if isinstance(value, Handler):
                        registry._add(value)
        return registry

    def __getitem__(self, kind: str) -> Handler[..., Any]:
        try:
            return self._handlers[kind]
        except KeyError:
            raise UnknownKind(kind, tuple(self.kinds())) from None

    def get(self, kind: str) -> Handler[..., Any] | None:
        """Return the handler of `kind`, None where there is none."""
        return self._handlers.get(kind)

    def __contains__(self, kind: object) -> bool:
        return kind in self._handlers

    def __iter__(self) -> Iterator[Handler[..., Any]]:
        return iter([self._handlers[kind] for kind in self.kinds()])

    def __len__(self) -> int:
        return len(self._handlers)

    def kinds(self) -> list[str]:
        """Return the names of all kinds, sorted."""
        return sorted(self._handlers)

    def queues(self) -> list[str]:
        """Return the queues that the handlers are enqueued to by default, sorted."""
        return sorted({each.queue for each in self._handlers.values()})

    def _add(self, new: Handler[..., Any]) -> None:
        known = self._handlers.setdefault(new.kind, new)
        if known is not new:
            raise HandlerError(
                f"kind {new.kind!r} has two handlers: {place_of(known.function)} and {place_of(new.function)}"
            )


def _import_with_submodules(name: str) -> Iterator[ModuleType]:
    module = _import(name)
    yield module
    for found in pkgutil.iter_modules(getattr(module, "__path__", ()), prefix=f"{name}."):
        # A package's command-line entry is run, not imported.
        if found.name.rpartition(".")[2] != "__main__":
            yield from _import_with_submodules(found.name)


def _import(name: str) -> ModuleType:
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name and (name == error.name or name.startswith(f"{error.name}.")):
            own = [path or "." for path in sys.path if not path.startswith((sys.prefix, sys.base_prefix))]
            raise HandlerError(
                f"there is no module {name!r} for handlers; looked in {', '.join(own)} and what is installed"
            ) from error
        raise _cannot_load(name, error) from error
    except HandlerError:
        raise
    except (Exception, SystemExit) as error:  # an import runs whatever stands in the module
        raise _cannot_load(name, error) from error


def _cannot_load(name: str, error: BaseException) -> HandlerError:
    """Say what went wrong, and where: in the file that is to be changed, not in the import system."""
    frames = [
        frame
        for frame in traceback.extract_tb(error.__traceback__)
        if not frame.filename.startswith("<") and Path(frame.filename).parent.name != "importlib"
    ]
    file, line = (error.filename, error.lineno) if isinstance(error, SyntaxError) else (None, None)
    if not file and frames:
        file, line = frames[-1].filename, frames[-1].lineno
    what = f"{type(error).__name__}: {error.msg if isinstance(error, SyntaxError) else error}"
    if isinstance(error, SystemExit):
        what = f"it ends the process with sys.exit({error.code!r}) when it is imported"
    return HandlerError(f"the handlers in {name!r} cannot be loaded: {what} ({file}, line {line})")


def check_handlers(modules: Iterable[str]) -> None:
    """Load handlers once before anything starts, so that a mistake in them is told here and now.

    Raises:
        HandlerError: a module cannot be imported, its handlers contradict each other, or there are none.
    """
    names = list(modules)
    if not len(Registry.load(names)):
        raise HandlerError(f"there is no handler in {', '.join(names)}: make one with @handler(...)")
