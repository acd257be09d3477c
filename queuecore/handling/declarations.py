"""Which handlers are declared while modules are imported, whether or not a module has a name for them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

_gathered: ContextVar[list[Any] | None] = ContextVar("gathered", default=None)


def note(handler: object) -> None:
    """Say that a handler was declared, to whoever gathers them."""
    if (gathered := _gathered.get()) is not None:
        gathered.append(handler)


@contextmanager
def gather() -> Iterator[list[Any]]:
    """Gather the handlers that are declared inside."""
    handlers: list[Any] = []
    token = _gathered.set(handlers)
    try:
        yield handlers
    finally:
        _gathered.reset(token)
