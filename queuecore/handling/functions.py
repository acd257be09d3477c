"""Which functions can be handlers: those that a worker finds by their module, and that end by returning.

What cannot be one is refused where it is declared, with what to write instead.
"""

from __future__ import annotations

import functools
import inspect
from collections.abc import Callable
from typing import Any

from ..model import HandlerError, show


def check_function(kind: str, function: Callable[..., Any], *, runs: str | None) -> None:
    """Look at a function that is to be a handler.

    Args:
        runs: how it is to run, None where that follows from the function.

    Raises:
        HandlerError: it cannot be a handler.
    """
    if not inspect.isfunction(function):
        raise HandlerError(f"kind {kind}: {_name(function)}: write a function of a module, and decorate that")
    place = place_of(function)
    if owner := _class_of(function):
        raise HandlerError(
            f"kind {kind}: {place} is made in the class {owner}, where no worker finds it: "
            "write a function of the module, which may use the class"
        )
    if inspect.isgeneratorfunction(function) or inspect.isasyncgenfunction(function):
        raise HandlerError(
            f"kind {kind}: {place} is a generator, and would end before it began: return a list, or say "
            "what is done with ctx.progress and ctx.log"
        )
    if runs is None and _hides_coroutine(function):
        raise HandlerError(
            f"kind {kind}: a plain function is wrapped around the coroutine function {place}: write the "
            "wrapper with `async def` and `await`, or say runs='thread' or runs='process' where it runs the "
            "coroutine to its end"
        )


def place_of(function: object) -> str:
    """Module and name of a function, for errors."""
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', function)}"


def _name(thing: object) -> str:
    """What something that is no function is, as the beginning of a sentence."""
    match thing:
        case functools.partial():
            return f"{show(thing)} is a partial"
        case staticmethod() | classmethod():
            return f"{place_of(thing)} is a method of a class"
        case type():
            return f"{place_of(thing)} is a class"
        case _ if inspect.ismethod(thing):
            return f"{place_of(thing)} is a method of {show(thing.__self__)}"
        case _:
            return f"{show(thing)} is no function"


def _class_of(function: Callable[..., Any]) -> str:
    """The class in whose body a function is made, empty where that is none."""
    owner = function.__qualname__.rpartition(".")[0].rpartition(".")[2]
    return "" if owner == "<locals>" else owner


def _hides_coroutine(function: Callable[..., Any]) -> bool:
    return inspect.iscoroutinefunction(inspect.unwrap(function)) and not inspect.iscoroutinefunction(function)
