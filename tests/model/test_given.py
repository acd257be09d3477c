"""What is given as an option: converted to what it stands for, or refused with a sentence."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import msgspec
import pytest

from queuecore import (
    Backoff,
    HandlerError,
    InvalidOption,
    JobContext,
    JobRequest,
    Line,
    Permanent,
    QueueError,
    Retention,
    Retry,
    handler,
    new_job_id,
)
from queuecore.model import WorkerOptions, seconds, whole_number


class Index:
    """A whole number of another library."""

    def __index__(self) -> int:
        return 7


@pytest.mark.parametrize(
    ("given", "expected"), [(5, 5.0), (0.5, 0.5), (timedelta(minutes=2), 120.0), (timedelta(0), 0.0)]
)
def test_a_duration_is_seconds_however_it_is_given(given: float | timedelta, expected: float) -> None:
    assert seconds(given, name="delay") == expected


@pytest.mark.parametrize(
    "given", ["5", None, True, float("nan"), float("inf"), b"5", 10**400, -(10**400), timedelta.max]
)
def test_what_is_no_duration_is_refused_by_name(given: Any) -> None:
    with pytest.raises(InvalidOption, match="delay=") as refused:
        seconds(given, name="delay")

    assert refused.value.option == "delay"
    for kind in (QueueError, TypeError, ValueError):
        assert isinstance(refused.value, kind)


def test_a_number_of_too_many_digits_is_refused_like_any_other() -> None:
    with pytest.raises(InvalidOption, match="delay=<a int> must be seconds"):
        seconds(10**5_000, name="delay")


def test_a_whole_number_of_another_type_becomes_one() -> None:
    assert whole_number(Index(), name="retries", least=0, most=10) == 7  # type: ignore[arg-type]  # that is the point


# Requests

REFUSED: list[tuple[str, Any, str]] = [
    ("kind", 5, "a text"),
    ("args", [1], "the arguments by their names"),
    ("id", "nonsense", "an id that new_job_id() made"),
    ("id", b"x", "an id that new_job_id() made"),
    ("line", "bulk", "one of: 'urgent', 'high', 'normal', 'low'"),
    ("line", None, "one of"),
    ("line", [], "one of"),
    ("delay", -1, "seconds from 0 to 3153600000"),
    ("delay", "5", "seconds, as a number or a timedelta"),
    ("delay", None, "seconds"),
    ("delay", True, "seconds"),
    ("delay", False, "seconds"),
    ("delay", float("nan"), "seconds"),
    ("delay", 1e300, "seconds"),
    ("delay", 10**400, "seconds"),
    ("delay", timedelta(seconds=-1), "seconds"),
    ("owner", None, "a text"),
    ("owner", "a\udcff", "UTF-8"),
    ("owner", "x" * 1_001, "0 to 1000 characters"),
    ("idempotency_key", "", "1 to 1000 characters"),
    ("idempotency_key", 5, "a text"),
    ("fingerprint", None, "a text"),
    ("queue", "No Queue", "lower case letters"),
    ("queue", "", "lower case letters"),
    ("queue", 5, "lower case letters"),
    ("retries", 1.5, "a whole number from 0 to 1000000"),
    ("retries", True, "a whole number"),
    ("retries", -1, "a whole number"),
    ("retries", 10**30, "a whole number"),
    ("retries", "3", "a whole number"),
    ("timeout", 0, "seconds from 0.001"),
    ("timeout", -1.0, "seconds"),
    ("timeout", float("inf"), "seconds"),
    ("timeout", "5", "seconds"),
]


@pytest.mark.parametrize(("option", "value", "must"), REFUSED)
def test_a_request_without_sense_is_refused_where_it_is_made(option: str, value: Any, must: str) -> None:
    with pytest.raises(InvalidOption) as refused:
        JobRequest(**{"kind": "mail.send", option: value})

    assert refused.value.option == option
    assert str(refused.value).startswith(f"{option}=")
    assert must in str(refused.value)
    assert len(str(refused.value)) < 300


def test_a_request_is_converted_where_it_is_made() -> None:
    given = JobRequest(
        kind="mail.send",
        line="urgent",
        delay=timedelta(minutes=1),
        timeout=timedelta(hours=1),
        retries=Index(),  # type: ignore[arg-type]  # that is the point
        id=new_job_id(),
        queue="mail",
    )

    assert (given.line, given.delay, given.timeout, given.retries) == (Line.URGENT, 60.0, 3600.0, 7)
    assert type(given.retries) is int
    assert isinstance(given.line, Line)
    with pytest.raises(InvalidOption, match="delay=-1"):
        msgspec.structs.replace(given, delay=-1)


# Handlers


@pytest.mark.parametrize(
    ("option", "value"),
    [
        ("retries", 1.5),
        ("retries", True),
        ("retries", 10**30),
        ("max_crashes", 0.5),
        ("timeout", "5"),
        ("timeout", float("nan")),
        ("timeout", True),
        ("queue", 5),
        ("queue", ""),
        ("backoff", 5),
        ("title", 5),
        ("runs", ""),
        ("runs", []),
        ("kind", 5),
    ],
)
def test_an_option_of_a_handler_without_sense_is_refused_where_it_is_declared(
    option: str, value: Any
) -> None:
    def function(ctx: JobContext) -> None: ...

    with pytest.raises(HandlerError) as refused:
        handler(**{"kind": "a.kind", option: value})(function)

    assert str(refused.value).startswith("kind 5: " if option == "kind" else "kind a.kind: ")
    assert repr(value) in str(refused.value)


def test_durations_of_handlers_are_given_as_timedeltas_too() -> None:
    backoff = Backoff(base=timedelta(seconds=2), cap=timedelta(minutes=1))

    @handler("a.kind", timeout=timedelta(minutes=2), backoff=backoff)
    def function(ctx: JobContext) -> None: ...

    assert function.timeout == 120.0
    assert (function.backoff.base, function.backoff.cap) == (2.0, 60.0)


# The rest


@pytest.mark.parametrize(
    "make",
    [
        lambda: Backoff(base=-1),
        lambda: Backoff(base="1"),  # type: ignore[arg-type]  # that is the point
        lambda: Backoff(factor=0.5),
        lambda: Backoff(factor=float("nan")),
        lambda: Backoff(factor=True),
        lambda: Backoff(cap=float("inf")),
        lambda: Retention(completed=-1),
        lambda: Retention(failed=float("nan")),
        lambda: Retry(delay="5"),  # type: ignore[arg-type]  # that is the point
        lambda: WorkerOptions(redis_url="", grace=float("nan")),
        lambda: WorkerOptions(redis_url="", slots=1.5),  # type: ignore[arg-type]  # that is the point
        lambda: WorkerOptions(redis_url="", spaces=("No",)),
    ],
)
def test_values_without_sense_are_refused_where_they_are_made(make: Callable[[], object]) -> None:
    with pytest.raises(InvalidOption):
        make()


def test_what_is_kept_is_given_as_a_timedelta_too() -> None:
    assert Retention(completed=timedelta(days=1), failed=5).completed == 86400.0


def test_a_retry_takes_a_timedelta_a_number_or_nothing() -> None:
    delays = [Retry(delay=each).delay for each in (timedelta(minutes=1), 2, -1, None)]

    assert delays == [60.0, 2.0, 0.0, None]


def test_what_is_said_of_an_end_is_text() -> None:
    failed = Permanent(ValueError("no rows"), None, type=7)
    again = Retry(reason=KeyError("busy"))

    assert (failed.title, failed.detail, failed.type) == ("no rows", "", "7")
    assert again.reason == "'busy'"
