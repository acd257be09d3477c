"""A handler's signature as a struct type: it checks, encodes, decodes and describes the arguments."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from typing import Any

import msgspec

from ..model import HandlerError, InvalidArguments


def parameters_of(kind: str, function: Callable[..., Any]) -> tuple[list[inspect.Parameter], dict[str, Any]]:
    parameters = list(inspect.signature(function).parameters.values())
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise HandlerError(
            f"kind {kind}: {error} where {place_of(function)} is read; the types of a handler's "
            "arguments must be imported when it runs, not only under TYPE_CHECKING"
        ) from error
    if not parameters or parameters[0].kind not in (
        inspect.Parameter.POSITIONAL_ONLY,
        inspect.Parameter.POSITIONAL_OR_KEYWORD,
    ):
        raise HandlerError(f"kind {kind}: {place_of(function)} must take a JobContext first")
    for parameter in parameters[1:]:
        if parameter.kind not in (
            inspect.Parameter.POSITIONAL_OR_KEYWORD,
            inspect.Parameter.KEYWORD_ONLY,
        ):
            raise HandlerError(
                f"kind {kind}: argument {parameter} of {place_of(function)} has no name to be stored by"
            )
        if parameter.name not in hints:
            raise HandlerError(f"kind {kind}: argument {parameter.name} of {place_of(function)} has no type")
    return parameters[1:], hints


def arguments_type(
    kind: str, parameters: list[inspect.Parameter], hints: dict[str, Any]
) -> type[msgspec.Struct]:
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for parameter in parameters:
        if parameter.default is parameter.empty:
            fields.append((parameter.name, hints[parameter.name]))
        else:
            fields.append((parameter.name, hints[parameter.name], parameter.default))
    name = "".join(word.capitalize() for word in re.split(r"[._]", kind)) + "Arguments"
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True, forbid_unknown_fields=True)


def explain(kind: str, error: msgspec.DecodeError) -> InvalidArguments:
    text = str(error)
    if found := re.search(r"missing required field `([^`]*)`$", text):
        return InvalidArguments(kind, "is missing", argument=found[1])
    if found := re.search(r"unknown field `([^`]*)`$", text):
        return InvalidArguments(kind, "is not an argument of this kind", argument=found[1])
    if found := re.search(r" - at `\$\.([A-Za-z0-9_]+)([^`]*)`$", text):
        where = f" (at {found[1]}{found[2]})" if found[2] else ""
        return InvalidArguments(kind, text[: found.start()] + where, argument=found[1])
    return InvalidArguments(kind, text)


def argument_of_type_error(text: str) -> str | None:
    found = re.search(r"'([^']*)'", text)
    return found[1] if found else None


def place_of(function: Callable[..., Any]) -> str:
    return f"{getattr(function, '__module__', '?')}.{getattr(function, '__qualname__', function)}"
