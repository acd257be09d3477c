"""Texts of a form become what the handler's signature wants."""

import enum
from datetime import date
from typing import Annotated, Any, Literal

import msgspec
import pytest

from api.http.problems import Problem
from api.kinds.kinds import Kind
from api.kinds.options import check_arguments, read_options
from queuecore import JobContext, handler


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Box(msgspec.Struct):
    width: int


@handler("all.options")
def all_options(
    ctx: JobContext,
    yes: bool = False,
    maybe: bool | None = None,
    whole: int = 0,
    bounded: Annotated[int, msgspec.Meta(ge=1)] | None = None,
    number: float = 0.0,
    text: str = "",
    letter: Literal["a", "b"] = "a",
    digit: Literal[1, 2] = 1,
    colour: Colour = Colour.RED,
    day: date | None = None,
    many: tuple[int, ...] = (),
    names: list[str] | None = None,
    box: Box | None = None,
    either: int | str = 0,
    table: dict[str, int] | None = None,
) -> None: ...


KIND = Kind(all_options)


@pytest.mark.parametrize(
    ("name", "texts", "value"),
    [
        ("yes", ["on"], True),
        ("yes", ["False"], False),
        ("maybe", ["1"], True),
        ("whole", [" -12 "], -12),
        ("whole", ["4.0"], 4),
        ("many", ["[4.0, 5e0]"], [4, 5]),
        ("bounded", ["3"], 3),
        ("number", ["1e3"], 1000.0),
        ("text", [" a, b "], " a, b "),
        ("text", ["\t"], "\t"),
        ("letter", ["b"], "b"),
        ("digit", ["2"], 2),
        ("colour", ["blue"], "blue"),
        ("day", ["2026-11-22"], "2026-11-22"),
        ("many", ["1", "2"], [1, 2]),
        ("many", ["[1, 2]"], [1, 2]),
        ("many", ["7"], [7]),
        ("names", ["a,b"], ["a,b"]),
        ("box", ['{"width": 3}'], {"width": 3}),
        ("either", ["5"], 5),
        ("either", ["five"], "five"),
        ("table", ['{"a": 1}'], {"a": 1}),
    ],
)
def test_a_text_becomes_its_value(name: str, texts: list[str], value: Any) -> None:
    options = read_options(KIND, [(name, text) for text in texts])

    assert options == {name: value}
    check_arguments(KIND, options, None)


@pytest.mark.parametrize("name", KIND.options)
def test_an_empty_text_is_an_absent_option(name: str) -> None:
    assert read_options(KIND, [(name, "")]) == {}


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("yes", "maybe"),
        ("whole", "1.5"),
        ("whole", "1" * 30),
        ("whole", "٣"),
        ("bounded", "0"),
        ("number", "inf"),
        ("number", "1,5"),
        ("letter", "c"),
        ("digit", "3"),
        ("colour", "green"),
        ("day", "22.11.2026"),
        ("many", "x"),
        ("many", "[1"),
        ("many", "[" * 50_000),
        ("box", "{}"),
        ("box", "3"),
        ("table", '{"a": "b"}'),
    ],
)
def test_a_wrong_text_names_its_option(name: str, text: str) -> None:
    with pytest.raises(Problem) as caught:
        check_arguments(KIND, read_options(KIND, [(name, text)]), None)

    assert caught.value.type.name == "wrong-option"
    assert caught.value.members["argument"] == name
    assert caught.value.detail.startswith(f"{name}: ")
