"""Handlers: what their signatures become, and how they are found."""

import sys
from enum import Enum
from pathlib import Path
from typing import Annotated, Any, Literal

import msgspec
import pytest

from queuecore import Backoff, Handler, InvalidArguments, JobContext, Registry, UnknownKind, handler
from queuecore.model import HandlerError


class Reference(msgspec.Struct, frozen=True):
    name: str
    size: int


class Colour(Enum):
    RED = "red"
    BLUE = "blue"


@handler("rows.count", timeout=120.0, retries=1, runs="process")
def count_rows(
    ctx: JobContext,
    file: Reference,
    delimiter: Annotated[str | None, msgspec.Meta(title="Delimiter", description="Found by itself.")] = None,
    *,
    limit: Annotated[int, msgspec.Meta(ge=0, le=10)] = 3,
    mode: Literal["quick", "exact"] = "quick",
    colour: Colour = Colour.RED,
) -> list[Any]:
    """Count the data rows of a file.

    A file that is not a table fails at once.
    """
    return [file, delimiter, limit, mode, colour]


FILE = Reference("data.csv", 3)


def test_a_handler_knows_itself() -> None:
    assert isinstance(count_rows, Handler)
    assert count_rows.kind == "rows.count"
    assert count_rows.title == "Count the data rows of a file"
    assert count_rows.description == "A file that is not a table fails at once."
    assert (count_rows.runs, count_rows.queue) == ("process", "default")
    assert (count_rows.timeout, count_rows.retries, count_rows.max_crashes) == (120.0, 1, 3)
    assert count_rows.returns.declared == list[Any]


def test_a_handler_is_still_a_function() -> None:
    context = JobContext.detached()

    assert count_rows(context, FILE, limit=5) == [FILE, None, 5, "quick", Colour.RED]


def test_arguments_come_back_as_they_were_given() -> None:
    encoded = count_rows.encode(FILE, ";", mode="exact", colour=Colour.BLUE)

    result = count_rows.invoke(JobContext.detached(), count_rows.decode(encoded))

    assert result == [FILE, ";", 3, "exact", Colour.BLUE]


@pytest.mark.parametrize(
    ("arguments", "argument", "reason"),
    [
        ({}, "file", "is missing"),
        ({"file": FILE, "colour": "green"}, "colour", "Invalid enum value"),
        ({"file": FILE, "limit": 11}, "limit", "<= 10"),
        ({"file": FILE, "limit": "3"}, "limit", "Expected `int`"),
        ({"file": {"name": "x"}}, "file", "missing required field `size`"),
        ({"file": {"name": "x", "size": "y"}}, "file", "(at file.size)"),
        ({"file": FILE, "limits": 1}, "limits", "is not an argument"),
        ({"file": object()}, None, "cannot be stored"),
        ({"file": FILE, "limit": 2**70}, None, "cannot be stored"),
    ],
)
def test_wrong_arguments_are_refused_by_name(
    arguments: dict[str, Any], argument: str | None, reason: str
) -> None:
    with pytest.raises(InvalidArguments) as raised:
        count_rows.encode_mapping(arguments)

    assert raised.value.argument == argument
    assert reason in raised.value.reason


def test_a_call_that_does_not_fit_the_signature_is_refused() -> None:
    with pytest.raises(InvalidArguments, match="unexpected keyword argument 'colours'"):
        count_rows.encode(FILE, colours=1)  # type: ignore[call-arg]  # that is the point


def test_the_signature_is_a_json_schema() -> None:
    schema = count_rows.json_schema()

    assert schema["$schema"] == "https://json-schema.org/draft/2020-12/schema"
    assert schema["title"] == "Count the data rows of a file"
    assert schema["required"] == ["file"]
    assert schema["additionalProperties"] is False
    assert schema["properties"]["limit"] == {"type": "integer", "minimum": 0, "maximum": 10, "default": 3}
    assert schema["properties"]["delimiter"]["title"] == "Delimiter"
    assert schema["properties"]["mode"]["enum"] == ["exact", "quick"]
    assert schema["$defs"]["Reference"]["required"] == ["name", "size"]


def test_how_it_runs_follows_from_the_function() -> None:
    @handler("one.async")
    async def coroutine(ctx: JobContext) -> None: ...

    @handler("one.plain")
    def plain(ctx: JobContext) -> None: ...

    @handler("one.threaded", runs="thread", queue="slow")
    def threaded(ctx: JobContext) -> None: ...

    assert (coroutine.runs, coroutine.queue) == ("async", "default")
    assert (plain.runs, plain.queue) == ("process", "default")
    assert (threaded.runs, threaded.queue) == ("thread", "slow")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"kind": "Rows"}, "lower case words"),
        ({"kind": "a." * 40 + "b"}, "at most 64"),
        ({"runs": "async"}, "needs a function made with `async def`"),
        ({"runs": "fork"}, "allowed: 'async', 'thread', 'process'"),
        ({"queue": "No Queue"}, "at most 32 characters"),
        ({"timeout": 0.0}, "seconds from 0.001"),
        ({"retries": -1}, "whole number from 0"),
        ({"max_crashes": 0}, "whole number from 1"),
    ],
)
def test_wrong_options_are_refused(options: dict[str, Any], message: str) -> None:
    def function(ctx: JobContext) -> None: ...

    with pytest.raises(HandlerError, match=message):
        handler(**{"kind": "a.kind", **options})(function)


def test_functions_that_cannot_be_handlers_are_refused() -> None:
    def no_context() -> None: ...
    def untyped(ctx: JobContext, value) -> None: ...  # type: ignore[no-untyped-def]
    def starred(ctx: JobContext, *values: int) -> None: ...

    for function, message in (
        (no_context, "must take a JobContext first"),
        (untyped, "argument value .* has no type"),
        (starred, "has no name"),
    ):
        with pytest.raises(HandlerError, match=message):
            handler("a.kind")(function)  # type: ignore[arg-type]  # that is the point


def test_a_registry_finds_the_handlers_of_a_package_and_its_modules(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package = tmp_path / "some_handlers"
    package.mkdir()
    head = "from queuecore import JobContext, handler\n"
    body = "@handler('{0}')\nasync def {1}(ctx: JobContext) -> None: ...\n"
    (package / "__init__.py").write_text(head + body.format("a.one", "one"))
    (package / "more.py").write_text("from some_handlers import one\n" + head + body.format("a.two", "two"))
    (package / "__main__.py").write_text("raise SystemExit('this is run, not imported')")
    monkeypatch.syspath_prepend(tmp_path)

    registry = Registry.load(["some_handlers"])

    assert registry.kinds() == ["a.one", "a.two"]
    assert registry["a.two"].kind == "a.two"
    assert "a.three" not in registry
    with pytest.raises(UnknownKind, match=r"a\.one, a\.two"):
        registry["a.three"]
    for name in ("some_handlers", "some_handlers.more"):
        del sys.modules[name]


def test_two_handlers_of_one_kind_are_an_error() -> None:
    @handler("same.kind")
    async def first(ctx: JobContext) -> None: ...

    @handler("same.kind")
    async def second(ctx: JobContext) -> None: ...

    assert len(Registry([first, first])) == 1
    with pytest.raises(HandlerError, match=r"two handlers: .*first and .*second"):
        Registry([first, second])


def test_backoff_grows_and_is_drawn_below_its_ceiling() -> None:
    backoff = Backoff(base=1.0, factor=2.0, cap=300.0)

    assert [backoff.ceiling(n) for n in (1, 2, 3, 9, 10, 10_000)] == [1, 2, 4, 256, 300, 300]
    delays = [backoff.delay(5) for _ in range(2000)]
    assert 0 <= min(delays) < 1
    assert 15 < max(delays) <= 16
    assert 7 < sum(delays) / len(delays) < 9
