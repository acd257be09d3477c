"""What a handler may tell of its job: checked in the call, bounded, and never from a child."""

import dataclasses
from collections.abc import Callable
from datetime import date
from decimal import Decimal
from enum import StrEnum
from fractions import Fraction
from typing import Any

import msgspec
import pytest

from queuecore import JobContext, Step
from queuecore.handling import MAX_LOG_LINE_CHARACTERS
from queuecore.handling.progress import LONGEST_MESSAGE, LONGEST_STEP_NAME, LONGEST_UNIT
from queuecore.processes import Home


class Unit(StrEnum):
    ROWS = "rows"


WRONG: list[tuple[Callable[[Any], None], str]] = [
    (lambda ctx: ctx.progress("1"), "done is '1', it must be a number"),
    (lambda ctx: ctx.progress(None), "done is None"),
    (lambda ctx: ctx.progress(10**400), "done is 1000"),
    (lambda ctx: ctx.progress(1, b"10"), "total is b'10'"),
    (lambda ctx: ctx.progress(1, message=None), "message is None, it must be a text"),
    (lambda ctx: ctx.progress(1, message=b"x"), "message is b'x'"),
    (lambda ctx: ctx.progress(1, unit=3), "unit is 3"),
    (lambda ctx: ctx.progress(1, step="x"), "step is 'x', it must be a Step"),
    (lambda ctx: ctx.progress(1, step=Step(None, 1, 1)), "the step's name is None"),  # type: ignore[arg-type]
    (lambda ctx: ctx.progress(1, step=Step("x", "1", 1)), "the step's index is '1'"),  # type: ignore[arg-type]
    (lambda ctx: ctx.progress(1, step=Step("x", 1, 10**30)), "the step's count is 1000"),
    (lambda ctx: ctx.progress(1, fraction="0.5"), "fraction is '0.5'"),
    (lambda ctx: ctx.log(b"x"), "a line of the log is b'x', it must be a text"),
    (lambda ctx: ctx.log(None), "a line of the log is None"),
    (lambda ctx: ctx.checkpoint(object()), "a checkpoint cannot hold this"),
    (lambda ctx: ctx.checkpoint(10**30), "a checkpoint cannot hold this"),
]


@pytest.mark.parametrize(("say", "words"), WRONG)
def test_what_cannot_be_told_is_refused_in_the_call_and_changes_nothing(
    say: Callable[[Any], None], words: str
) -> None:
    context = JobContext("id", 1, "kind")
    context.progress(1, 2)

    with pytest.raises((TypeError, ValueError), match=words):
        say(context)

    news = context.take_news()
    assert news.progress is not None
    assert news.progress.done == 1.0
    assert (news.log, news.checkpoint) == ((), None)


class Position(msgspec.Struct, frozen=True):
    day: date
    rows: int = 0


@dataclasses.dataclass(frozen=True)
class Place:
    of: Position


@pytest.mark.parametrize(
    ("type", "state"),
    [
        (Position, Position(date(2026, 1, 2), 5)),
        (Place, Place(Position(date(2026, 1, 2)))),
        (dict[str, date], {"a": date(2026, 1, 2)}),
        (int, 5),
    ],
    ids=str,
)
def test_what_was_saved_comes_back_as_what_it_was(type: Any, state: Any) -> None:
    context = JobContext.detached()
    assert context.state_as(type) is None

    context.checkpoint(state)
    later = JobContext("id", 2, "kind", context.take_news().checkpoint)

    assert context.state_as(type) == later.state_as(type) == state
    assert JobContext.detached(state=state).state_as(type) == state


def test_a_checkpoint_of_another_type_is_told() -> None:
    context = JobContext.detached(state={"page": 5})

    with pytest.raises(ValueError, match=r"its checkpoint cannot be read as .*Position: .* field `day`"):
        context.state_as(Position)


def test_an_error_shows_no_more_than_the_beginning_of_a_value() -> None:
    context: Any = JobContext("id", 1, "kind")

    with pytest.raises(TypeError) as raised:
        context.log(b"x" * 10_000_000)

    assert len(str(raised.value)) < 200


def test_numbers_and_texts_of_other_libraries_become_plain_ones() -> None:
    context: Any = JobContext("id", 1, "kind")

    context.progress(Decimal(1), Fraction(3), unit=Unit.ROWS, fraction=Decimal("0.5"))
    report = context.take_news().progress

    assert [type(each) for each in (report.done, report.total, report.fraction)] == [float] * 3
    assert (type(report.unit), report.unit) == (str, "rows")
    assert msgspec.msgpack.encode(report)


def test_texts_are_cut_to_a_fit_length() -> None:
    context = JobContext("id", 1, "kind")
    long = "x" * 20_000_000

    context.progress(1, unit=long, message=long, step=Step(long, 1, 1))
    context.log(long)
    news = context.take_news()

    assert news.progress is not None
    assert news.progress.step is not None
    assert len(news.progress.unit) == LONGEST_UNIT
    assert len(news.progress.message) == LONGEST_MESSAGE
    assert len(news.progress.step.name) == LONGEST_STEP_NAME
    assert [len(line) for line in news.log] == [MAX_LOG_LINE_CHARACTERS]


@pytest.mark.parametrize(
    "say", [lambda ctx: ctx.progress(1), lambda ctx: ctx.log("x"), lambda ctx: ctx.checkpoint(1)]
)
def test_a_forked_child_cannot_tell_anything(say: Callable[[JobContext], None]) -> None:
    home = Home()
    context = JobContext("id", 1, "kind", None, lambda _: None, home)
    home.left = True

    with pytest.raises(RuntimeError, match="a forked child cannot report"):
        say(context)

    assert not context.has_news
