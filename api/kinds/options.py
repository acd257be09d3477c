"""Options as people write them into forms and addresses, read as what the handler's signature wants."""

import difflib
import math
import re
from collections.abc import Sequence
from typing import Any

import msgspec

from api.http import UNKNOWN_OPTION, WRONG_OPTION, Problem, decode_json
from api.kinds.kinds import Kind
from queuecore import InvalidArguments
from storage import FileRef

LONGEST_COMPARED = 80  # characters of a name for which a similar one is looked for

_YES = frozenset({"true", "on", "yes", "1"})
_NO = frozenset({"false", "off", "no", "0"})
_INTEGER = re.compile(r"([+-]?[0-9]{1,19})(?:\.0{1,19})?\Z")


def read_options(kind: Kind, fields: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Read the options of a kind from texts, in which an empty one counts as absent.

    Args:
        fields: names and texts, in the order of the request; one name several times makes a list.

    Raises:
        Problem: an option is unknown, or its text cannot be what it is to be.
    """
    given: dict[str, list[str]] = {}
    for name, text in fields:
        if name not in kind.options:
            raise _unknown(kind, name)
        if text:
            given.setdefault(name, []).append(text)
    return {name: _read(name, kind.options[name], texts) for name, texts in given.items()}


def check_arguments(kind: Kind, options: dict[str, Any], file: FileRef | None) -> dict[str, Any]:
    """Check all arguments of a job against its handler, and return them.

    Raises:
        Problem: one is unknown, missing or not allowed.
    """
    for name in options:
        if name not in kind.options:
            raise _unknown(kind, name)
    arguments = dict(options)
    if kind.file is not None and file is not None:
        arguments[kind.file.parameter] = file
    try:
        kind.handler.encode_mapping(arguments)
    except InvalidArguments as error:
        name = error.argument or ""
        detail = f"{name}: {error.reason}." if name else f"{error.reason}."
        raise Problem(WRONG_OPTION, detail, argument=name) from error
    return arguments


def _unknown(kind: Kind, name: str) -> Problem:
    known = sorted(kind.options)
    # Comparing takes time with the length, and nobody mistypes so many letters.
    close = difflib.get_close_matches(name, known, n=1) if len(name) <= LONGEST_COMPARED else []
    hint = f" Did you mean {close[0]}?" if close else ""
    shown = f" It has: {', '.join(known)}." if known else " It has none."
    return Problem(
        UNKNOWN_OPTION,
        f"{kind.view.kind} has no option {name[:80]!r}.{hint}{shown}",
        argument=name[:80],
        known=known,
    )


def _read(name: str, type: msgspec.inspect.Type, texts: list[str]) -> Any:
    type = _bare(type)
    item = _item_type(type)
    if item is None and len(texts) > 1:
        raise _wrong(name, "it is given more than once, and one value is wanted")
    if item is None:
        return _read_one(name, type, texts[0])
    if len(texts) == 1 and texts[0].startswith("["):
        return _read_json(name, texts[0])
    return [_read_one(name, item, text) for text in texts]


def _read_one(name: str, type: msgspec.inspect.Type, text: str) -> Any:
    match _bare(type):
        case msgspec.inspect.BoolType():
            return _read_bool(name, text)
        case msgspec.inspect.IntType():
            return _read_integer(name, text)
        case msgspec.inspect.FloatType():
            return _read_number(name, text)
        case msgspec.inspect.LiteralType(values=values):
            return next((value for value in values if str(value) == text), text)
        case msgspec.inspect.EnumType(cls=cls):
            return next((member.value for member in cls if str(member.value) == text), text)
        case msgspec.inspect.UnionType(types=types):
            return _read_any_of(name, types, text)
        case (
            msgspec.inspect.StructType()
            | msgspec.inspect.DictType()
            | msgspec.inspect.TypedDictType()
            | msgspec.inspect.DataclassType()
            | msgspec.inspect.NamedTupleType()
        ):
            return _read_json(name, text)
        case _:
            # Texts, dates, and whatever else is written as a text in JSON: the handler's types decide.
            return text


def _read_any_of(name: str, types: Sequence[msgspec.inspect.Type], text: str) -> Any:
    for type in sorted(types, key=lambda type: isinstance(type, msgspec.inspect.StrType)):
        try:
            return _read_one(name, type, text)
        except Problem:
            continue
    return text


def _read_bool(name: str, text: str) -> bool:
    word = text.strip().lower()
    if word in _YES:
        return True
    if word in _NO:
        return False
    raise _wrong(name, f"{text[:80]!r} is neither true nor false")


def _read_integer(name: str, text: str) -> int:
    found = _INTEGER.match(text.strip())
    if found is None:
        raise _wrong(name, f"{text[:80]!r} is not a whole number")
    return int(found[1])


def _read_number(name: str, text: str) -> float:
    try:
        value = float(text)
    except ValueError as error:
        raise _wrong(name, f"{text[:80]!r} is not a number") from error
    if not math.isfinite(value):
        raise _wrong(name, f"{text[:80]!r} is not a number")
    return value


def _read_json(name: str, text: str) -> Any:
    try:
        return decode_json(text.encode(), Any)
    except ValueError as error:
        raise _wrong(name, f"it must be JSON, and is not: {error}") from error


def _wrong(name: str, reason: str) -> Problem:
    return Problem(WRONG_OPTION, f"{name}: {reason}.", argument=name)


def _bare(type: msgspec.inspect.Type) -> msgspec.inspect.Type:
    """Take off bounds and the possibility of None."""
    while True:
        match type:
            case msgspec.inspect.Metadata():
                type = type.type
            case msgspec.inspect.UnionType(types=types):
                rest = tuple(each for each in types if not isinstance(each, msgspec.inspect.NoneType))
                if len(rest) != 1:
                    return msgspec.inspect.UnionType(rest)
                type = rest[0]
            case _:
                return type


def _item_type(type: msgspec.inspect.Type) -> msgspec.inspect.Type | None:
    match type:
        case (
            msgspec.inspect.ListType(item_type=item)
            | msgspec.inspect.SetType(item_type=item)
            | msgspec.inspect.FrozenSetType(item_type=item)
            | msgspec.inspect.VarTupleType(item_type=item)
        ):
            return item
        case msgspec.inspect.TupleType():
            return msgspec.inspect.AnyType()
        case _:
            return None
