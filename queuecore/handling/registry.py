"""How the handlers of a project are found: modules are imported, their handlers collected by kind."""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from typing import Any

from ..model import HandlerError, UnknownKind, show
from .declarations import gather
from .functions import place_of
from .handler import Handler
from .modules import import_with_submodules


class Registry:
    """The kinds of job that a process knows.

    Raises:
        HandlerError: two handlers have the same kind, or one is none.
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
            HandlerError: a module cannot be imported or has no handler, two have the same kind, or one
                is not its module's own.
        """
        registry = cls()
        for name in [modules] if isinstance(modules, str) else modules:
            with gather() as declared:
                imported = list(import_with_submodules(name))
            found = [
                value for each in imported for value in vars(each).values() if isinstance(value, Handler)
            ]
            _refuse_nameless(declared)
            if not found:
                where = getattr(imported[0], "__file__", None) or "it has no file"
                raise HandlerError(f"there is no handler in {name!r} ({where}): make one with @handler(...)")
            for each in found:
                registry._add(each)
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
        if not isinstance(new, Handler):
            raise HandlerError(f"{show(new)} is no handler: make one of a function with @handler(...)")
        known = self._handlers.setdefault(new.kind, new)
        if known is not new:
            raise HandlerError(
                f"kind {new.kind!r} has two handlers: {place_of(known.function)} and {place_of(new.function)}"
            )


def _refuse_nameless(declared: Iterable[Handler[..., Any]]) -> None:
    """Raise HandlerError for a handler that no module has a name for, so that no worker would find it."""
    modules = [vars(each) for each in list(sys.modules.values()) if hasattr(each, "__dict__")]
    named = {value.kind for names in modules for value in list(names.values()) if isinstance(value, Handler)}
    for each in declared:
        if each.kind not in named:
            raise HandlerError(
                f"kind {each.kind}: {place_of(each.function)} is the name of nothing in its module, "
                f"so that no worker finds it: write `{each.__name__} = ...` there"
            )
