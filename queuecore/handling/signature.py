"""A handler's signature as a struct type: it checks, encodes, decodes and describes the arguments."""

from __future__ import annotations

import inspect
import re
import typing
from collections.abc import Callable
from typing import Any

import msgspec

from ..model import HandlerError, InvalidArguments, show
from .context import JobContext
from .functions import place_of
from .types import Unstorable, annotation, is_loose


def parameters_of(kind: str, function: Callable[..., Any]) -> tuple[list[inspect.Parameter], dict[str, Any]]:
    """Return the parameters of a handler but the context, and the types of all by name, `return` among them.

    Raises:
        HandlerError: it does not take a context first, or an argument that cannot be stored.
    """
    place = place_of(function)
    parameters = list(inspect.signature(function).parameters.values())
    try:
        hints = typing.get_type_hints(function, include_extras=True)
    except NameError as error:
        raise HandlerError(
            f"kind {kind}: {error} where {place} is read; the types of a handler's "
            "arguments must be imported when it runs, not only under TYPE_CHECKING"
        ) from error
    except Exception as error:  # an annotation may be any text
        raise HandlerError(f"kind {kind}: the annotations of {place} cannot be read: {error}") from error
    if not parameters or not _is_context(parameters[0], hints):
        raise HandlerError(
            f"kind {kind}: {place} must take a JobContext first: "
            f"def {function.__name__}(ctx: JobContext, ...)"
        )
    for parameter in parameters[1:]:
        _check_parameter(kind, place, parameter, hints)
    return parameters[1:], hints


def arguments_type(
    kind: str, parameters: list[inspect.Parameter], hints: dict[str, Any]
) -> type[msgspec.Struct]:
    """Return the struct type of a handler's arguments."""
    fields: list[tuple[str, Any] | tuple[str, Any, Any]] = []
    for parameter in parameters:
        if parameter.default is parameter.empty:
            fields.append((parameter.name, hints[parameter.name]))
        else:
            fields.append((parameter.name, hints[parameter.name], parameter.default))
    name = "".join(word.capitalize() for word in re.split(r"[._]", kind)) + "Arguments"
    return msgspec.defstruct(name, fields, frozen=True, kw_only=True, forbid_unknown_fields=True)


def loose_arguments(kind: str, parameters: list[inspect.Parameter], hints: dict[str, Any]) -> tuple[str, ...]:
    """Return the names of the arguments whose types leave open what is in them.

    Raises:
        HandlerError: an argument, or its default, cannot be stored.
    """
    loose = []
    for parameter in parameters:
        name, hint = parameter.name, hints[parameter.name]
        try:
            if is_loose(hint):
                loose.append(name)
            if parameter.default is not parameter.empty:
                _check_default(hint, parameter.default)
        except Unstorable as error:
            raise HandlerError(f"kind {kind}: argument {name}: {error}") from error
    return tuple(loose)


def _is_context(parameter: inspect.Parameter, hints: dict[str, Any]) -> bool:
    if parameter.kind not in (parameter.POSITIONAL_ONLY, parameter.POSITIONAL_OR_KEYWORD):
        return False
    hint = hints.get(parameter.name)
    if hint is None:
        return parameter.name == "ctx"
    return hint in (JobContext, Any) or JobContext in typing.get_args(hint)


def _check_parameter(kind: str, place: str, parameter: inspect.Parameter, hints: dict[str, Any]) -> None:
    if parameter.kind not in (parameter.POSITIONAL_OR_KEYWORD, parameter.KEYWORD_ONLY):
        raise HandlerError(
            f"kind {kind}: argument {parameter} of {place} has no name to be stored by; where a decorator "
            "wraps the function, it needs functools.wraps"
        )
    if parameter.name not in hints:
        raise HandlerError(f"kind {kind}: argument {parameter.name} of {place} has no type")
    if hints[parameter.name] is JobContext:
        raise HandlerError(f"kind {kind}: {place} has a JobContext as {parameter.name}: it comes first")


def _check_default(hint: Any, default: Any) -> None:
    try:
        msgspec.msgpack.decode(msgspec.msgpack.encode(default), type=hint)
    except (TypeError, ValueError, OverflowError, RecursionError, msgspec.DecodeError) as error:
        nothing = f": write `{annotation(hint)} | None`" if default is None else ""
        raise Unstorable(f"its default {show(default)} does not fit its type{nothing} ({error})") from error
    if default in ([], {}, set()):  # of these each job gets one of its own
        return
    try:
        hash(default)
    except TypeError:
        raise Unstorable(
            f"its default {show(default)} can be changed, and all jobs would share it: "
            "write None or a tuple, and make it in the handler"
        ) from None


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
