"""What can be stored with a job: types are looked at when they are declared, values when they are given."""

import dataclasses
import re
import uuid
from collections.abc import Awaitable, Iterator
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from enum import Enum, StrEnum
from pathlib import Path
from typing import Any, NamedTuple, NoReturn, TypedDict

import msgspec
import pytest

from queuecore import (
    Handler,
    HandlerError,
    InvalidArguments,
    InvalidResult,
    JobContext,
    PayloadTooLarge,
    handler,
)


@dataclasses.dataclass(frozen=True)
class Sent:
    to: str
    at: date


@dataclasses.dataclass(frozen=True)
class Refused:
    why: str


class Ok(msgspec.Struct, tag=True, frozen=True):
    rows: int


class Bad(msgspec.Struct, tag=True, frozen=True):
    why: str


class Loose(msgspec.Struct, rename="camel"):
    sent_at: Any = None


class Pair(msgspec.Struct, array_like=True):
    one: Any
    two: Any


class Tree(msgspec.Struct):
    children: "list[Tree]" = []
    note: Any = None


class Point(NamedTuple):
    x: int
    y: int


class Named(TypedDict):
    name: str


class Colour(Enum):
    RED = "red"


class Number(Enum):
    ONE = 1


class Shape(StrEnum):
    ROUND = "round"


class Plain:
    def __repr__(self) -> str:
        return "Plain()"


def declare(*, argument: Any = int, returns: Any = None, default: Any = ...) -> Handler[..., Any]:
    def function(ctx: JobContext, value: Any = default) -> None: ...

    function.__annotations__ |= {"value": argument, "return": returns}
    if default is ...:
        function.__defaults__ = ()
    return handler("a.kind")(function)


# Types

CANNOT_BE_STORED: list[tuple[Any, str]] = [
    (Path, "`pathlib.Path` has no form that can be stored: take a `str`, and make the path of it"),
    (list[Path], "`pathlib.Path` in `list[pathlib.Path]` has no form"),
    (Plain, "make it a dataclass or a msgspec.Struct"),
    (Plain | None, "`tests.handling.test_types.Plain` in "),
    (dict[str, list[Plain]], "make it a dataclass or a msgspec.Struct"),
    (object, "`object` says nothing: write `Any`"),
    (complex, "`complex` has no form"),
    (re.Pattern[str], "has no form that can be stored"),
    (Iterator[int], "has no form that can be stored"),
    (Awaitable[int], "has no form that can be stored"),
    (
        str | datetime,
        "`str | datetime.datetime` cannot be told apart when it is read again: take one of them",
    ),
    (Sent | Refused, "cannot be told apart when it is read again"),
    (list[Sent | Refused], "cannot be told apart when it is read again"),
    (Ok | Sent, "cannot be told apart when it is read again"),
    (datetime | date, "cannot be told apart when it is read again"),
]


@pytest.mark.parametrize(("type", "said"), CANNOT_BE_STORED, ids=str)
def test_a_type_that_would_not_come_back_is_refused_where_it_is_declared(type: Any, said: str) -> None:
    with pytest.raises(HandlerError) as of_argument:
        declare(argument=type)
    with pytest.raises(HandlerError) as of_result:
        declare(returns=type)

    assert str(of_argument.value).startswith("kind a.kind: argument value: ")
    assert str(of_result.value).startswith("kind a.kind: what it returns: ")
    assert said in str(of_argument.value)
    assert said in str(of_result.value)


VALUES: list[tuple[Any, Any]] = [
    (int, 5),
    (int | None, None),
    (str, "ünïcode"),
    (bytes, b"\x00\xff"),
    (float, 5),
    (date, date(2026, 1, 2)),
    (datetime, datetime(2026, 1, 2, 3, tzinfo=UTC)),
    (datetime, datetime(2026, 1, 2, 3)),
    (timedelta, timedelta(days=1)),
    (Decimal, Decimal("1.10")),
    (Decimal | float, Decimal("1.10")),
    (uuid.UUID, uuid.UUID(int=5)),
    (Colour, Colour.RED),
    (Number, Number.ONE),
    (Sent, Sent("ann", date(2026, 1, 2))),
    (Ok | Bad, Bad("no")),
    (list[Ok | Bad], [Ok(1), Bad("no")]),
    (Point, Point(1, 2)),
    (Named, {"name": "x"}),
    (tuple[int, str], (1, "x")),
    (set[date], {date(2026, 1, 2)}),
    (frozenset[int], frozenset({1})),
    (dict[date, Decimal], {date(2026, 1, 2): Decimal("1.1")}),
    (dict[str, date], {"a": date(2026, 1, 2)}),
    (Tree, Tree([Tree(note="x")])),
    (Any, {"a": [1, 2.5, "x", b"y", None, True], "b": {"c": float("inf")}}),
    (Any, datetime(2026, 1, 2, 3, tzinfo=UTC)),
    (list[Any], [Shape.ROUND, 1]),
    (dict[int, Any], {1: "x"}),
    (Loose, Loose({"at": "2026-01-02"})),
    (Pair, Pair(1, "x")),
]


@pytest.mark.parametrize(("type", "value"), VALUES, ids=str)
def test_what_is_declared_comes_back_as_it_was(type: Any, value: Any) -> None:
    decorated = declare(argument=type, returns=type)

    (argument,) = msgspec.structs.astuple(decorated.decode(decorated.encode(value=value)))
    result = decorated.returns.encode(value, limit=1_000)

    assert argument == value
    assert msgspec.convert(msgspec.msgpack.decode(result), type) == value


def test_a_handler_that_only_raises_returns_nothing() -> None:
    assert declare(returns=NoReturn).returns.encode(None, limit=10) == b"\xc0"


# Values where the type leaves open what they are

WOULD_BECOME_TEXT: list[tuple[Any, Any, str]] = [
    (dict[str, Any], {"at": date(2026, 1, 2)}, "value['at'] is of the type date and would come back as text"),
    (dict[str, Any], {"at": datetime(2026, 1, 2)}, "datetime"),
    (dict[str, Any], {"in": timedelta(1)}, "value['in'] is of the type timedelta"),
    (dict[str, Any], {"a": {"b": [0, Decimal("1.1")]}}, "value['a']['b'][1] is of the type Decimal"),
    (dict[str, Any], {"id": uuid.UUID(int=1)}, "UUID"),
    (dict[str, Any], {"colour": Colour.RED}, "value['colour'] is of the type Colour"),
    (dict[str, Any], {"n": Number.ONE}, "value['n'] is of the type Number and would come back as a number"),
    (dict[Any, int], {date(2026, 1, 2): 1}, "a key of value is of the type date"),
    (dict[str, Any], {"of": {date(2026, 1, 2)}}, "an item of value['of'] is of the type date"),
    (dict[str, Any], {"of": (1, date(2026, 1, 2))}, "value['of'][1]"),
    (dict[str, Any], {"sent": Sent("ann", date(2026, 1, 2))}, "value['sent'].at is of the type date"),
    (dict[str, Any], {"loose": Loose(date(2026, 1, 2))}, "value['loose'].sentAt is of the type date"),
    (Loose, Loose(date(2026, 1, 2)), "value.sentAt is of the type date"),
    (Tree, Tree([Tree(note=Decimal(1))]), "value.children[0].note is of the type Decimal"),
    (Any, date(2026, 1, 2), "value is of the type date"),
    (list, [date(2026, 1, 2)], "value[0] is of the type date"),
    (tuple, (date(2026, 1, 2),), "value[0] is of the type date"),
]


@pytest.mark.parametrize(
    ("type", "value", "said"), WOULD_BECOME_TEXT, ids=[s for _, _, s in WOULD_BECOME_TEXT]
)
def test_nothing_becomes_text_in_silence(type: Any, value: Any, said: str) -> None:
    decorated = declare(argument=type, returns=type)

    with pytest.raises(InvalidArguments) as of_argument:
        decorated.encode(value=value)
    with pytest.raises(InvalidResult) as of_result:
        decorated.returns.encode(value, limit=1_000)

    assert of_argument.value.argument == "value"
    assert said in str(of_argument.value)
    assert "send a text, or give the argument a type" in str(of_argument.value)
    assert said.replace("value", "it") in str(of_result.value)


def test_lists_and_mappings_are_what_other_shapes_become() -> None:
    decorated = declare(argument=dict[str, Any])

    (kept,) = msgspec.structs.astuple(decorated.decode(decorated.encode(value={"a": (1, 2), "b": Ok(1)})))

    assert kept == {"a": [1, 2], "b": {"type": "Ok", "rows": 1}}


# Results


@pytest.mark.parametrize(
    ("returns", "value", "said"),
    [
        (int, None, "Expected `int`, got `None`; it is declared as `int`"),
        (int, "5", "Expected `int`, got `str`"),
        (bool, 1, "Expected `bool`, got `int`"),
        (None, 5, "Expected `null`, got `int`"),
        (Sent, Sent("ann", 5), "Expected `date`, got `int` - at `$.at`; it is declared as `tests."),  # type: ignore[arg-type]  # that is the point
        (Ok | Bad, Sent("ann", date(2026, 1, 2)), "it is declared as"),
        (Any, Plain(), "Encoding objects of type Plain is unsupported; return numbers"),
        (Any, 2**70, "serialize ints"),
        (str, "\udcff", "surrogates"),
        (int, iter(()), "iterator"),
    ],
)
def test_a_result_that_is_not_what_is_declared_is_refused(returns: Any, value: Any, said: str) -> None:
    with pytest.raises(InvalidResult) as refused:
        declare(returns=returns).returns.encode(value, limit=1_000)

    assert str(refused.value).startswith("result of a.kind: ")
    assert said in str(refused.value)


def test_a_coroutine_that_nobody_awaited_is_no_result() -> None:
    async def send() -> None: ...

    with pytest.raises(InvalidResult, match="it is a coroutine: what is called needs an `await`"):
        declare(returns=Any).returns.encode(send(), limit=1_000)


def test_a_result_over_the_limit_is_refused_before_it_is_looked_at() -> None:
    with pytest.raises(PayloadTooLarge):
        declare(returns=int).returns.encode("x" * 100, limit=10)


# Defaults


@pytest.mark.parametrize(
    ("argument", "default", "said"),
    [
        (int, None, "its default None does not fit its type: write `int | None`"),
        (int, "5", "its default '5' does not fit its type"),
        (Any, Plain(), "does not fit its type"),
        (list[int], [1], "its default [1] can be changed, and all jobs would share it"),
        (dict[str, int], {"a": 1}, "can be changed"),
        (Tree, Tree(), "can be changed"),
        (tuple[list[int], ...], ([1],), "can be changed"),
    ],
    ids=repr,
)
def test_a_default_that_does_not_fit_is_refused_where_it_is_declared(
    argument: Any, default: Any, said: str
) -> None:
    with pytest.raises(HandlerError) as refused:
        declare(argument=argument, default=default)

    assert str(refused.value).startswith("kind a.kind: argument value: ")
    assert said in str(refused.value)


@pytest.mark.parametrize(
    ("argument", "default"),
    [
        (int | None, None),
        (list[int], []),
        (dict[str, int], {}),
        (Sent, Sent("a", date(2026, 1, 2))),
        (Colour, Colour.RED),
    ],
    ids=repr,
)
def test_a_default_that_fits_is_what_is_missing(argument: Any, default: Any) -> None:
    decorated = declare(argument=argument, default=default)

    (value,) = msgspec.structs.astuple(decorated.decode(decorated.encode()))

    assert value == default
