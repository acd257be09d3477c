"""Which types can be stored with a job, and what values lose when they are stored as less than they are."""

from __future__ import annotations

import dataclasses
import inspect
import pathlib
from collections.abc import Iterator, Mapping
from typing import Any, Final

import msgspec

_TEXTS_AND_NUMBERS: Final = (str, int, float)


class Unstorable(Exception):
    """A type whose values would not come back, with what to write instead."""


def is_loose(type: Any) -> bool:
    """Whether a type leaves open what some of its values are.

    Raises:
        Unstorable: its values cannot be stored, or not be told apart when they are read.
    """
    try:
        found = list(_parts(msgspec.inspect.type_info(type), set()))
        msgspec.msgpack.Decoder(type)
    except (TypeError, ValueError, RecursionError) as error:
        raise Unstorable(_explain(type, str(error))) from error
    for each in found:
        if isinstance(each, msgspec.inspect.CustomType):
            raise Unstorable(_refuse_class(type, each.cls))
    return any(isinstance(each, msgspec.inspect.AnyType) for each in found)


def find_loss(given: Any, kept: Any, path: str = "") -> str | None:
    """Return where something became a mere text or number though it was more, as the beginning of a sentence.

    Args:
        given: what was given.
        kept: the same, as it comes back from where it is stored.
        path: how it is called.
    """
    if _equal(given, kept):
        return None
    if isinstance(given, list | tuple):
        if isinstance(kept, list | tuple):
            return _first(
                find_loss(*pair, f"{path}[{n}]") for n, pair in enumerate(zip(given, kept, strict=False))
            )
        return None
    if isinstance(given, set | frozenset):
        return _first(_say(each, "", f"an item of {path}") for each in given if each not in kept)
    if isinstance(given, Mapping):
        parts = _fields(kept)
        if parts is None:
            return None
        lost = _first(_say(key, "", f"a key of {path}") for key in given if key not in parts)
        return lost or _first(
            find_loss(given[key], parts[key], f"{path}[{key!r}]") for key in parts if key in given
        )
    own, parts = _fields(given), _fields(kept)
    if own is not None:
        return _first(find_loss(own[n], parts[n], f"{path}.{n}") for n in own if parts and n in parts)
    return _say(given, kept, path)


def annotation(type: Any) -> str:
    """A type as it is written in a signature."""
    return inspect.formatannotation(type)


def _parts(info: Any, seen: set[int]) -> Iterator[Any]:
    """A description of a type, and those of all types in it."""
    if isinstance(info, tuple):
        for each in info:
            yield from _parts(each, seen)
    elif isinstance(info, msgspec.inspect.Type | msgspec.inspect.Field) and id(info) not in seen:
        seen.add(id(info))
        yield info
        yield from _parts(msgspec.structs.astuple(info), seen)


def _refuse_class(type: Any, cls: Any) -> str:
    name = annotation(cls)
    where = f"`{name}`" if cls is type else f"`{name}` in `{annotation(type)}`"
    if inspect.isclass(cls) and issubclass(cls, pathlib.PurePath):
        return f"{where} has no form that can be stored: take a `str`, and make the path of it in the handler"
    if cls is object:
        return f"{where} says nothing: write `Any`"
    return (
        f"{where} has no form that can be stored: take numbers, texts, dates, lists or mappings of them, "
        "or make it a dataclass or a msgspec.Struct"
    )


def _explain(type: Any, reason: str) -> str:
    if reason.startswith("Type unions"):
        return (
            f"`{annotation(type)}` cannot be told apart when it is read again: take one of them, or a "
            "msgspec.Struct with a field for each; structs with tag=True can stand side by side"
        )
    return f"`{annotation(type)}` cannot be stored: {reason}"


def _fields(value: Any) -> Mapping[Any, Any] | None:
    """The parts of a mapping, struct or dataclass by their names when stored."""
    if isinstance(value, Mapping):
        return value
    if isinstance(value, msgspec.Struct):
        if value.__struct_config__.array_like:
            return None
        return dict(zip(value.__struct_encode_fields__, msgspec.structs.astuple(value), strict=True))
    if dataclasses.is_dataclass(value):
        return {each.name: getattr(value, each.name, None) for each in dataclasses.fields(value)}
    return None


def _say(given: Any, kept: Any, path: str) -> str | None:
    if isinstance(given, _TEXTS_AND_NUMBERS) or not isinstance(kept, _TEXTS_AND_NUMBERS):
        return None
    became = "text" if isinstance(kept, str) else "a number"
    return f"{path} is of the type {type(given).__name__} and would come back as {became}"


def _first(found: Iterator[str | None]) -> str | None:
    return next((each for each in found if each), None)


def _equal(given: Any, kept: Any) -> bool:
    try:
        return bool(given == kept)
    except Exception:  # of a foreign type
        return False
