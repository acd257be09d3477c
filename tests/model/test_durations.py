"""Durations: seconds or a timedelta, and nothing else."""

from datetime import timedelta
from typing import Any

import pytest

from queuecore import Permanent, Retry
from queuecore.model import seconds


@pytest.mark.parametrize(
    ("given", "expected"), [(5, 5.0), (0.5, 0.5), (timedelta(minutes=2), 120.0), (timedelta(0), 0.0)]
)
def test_a_duration_is_seconds_however_it_is_given(given: float | timedelta, expected: float) -> None:
    assert seconds(given, name="delay") == expected


@pytest.mark.parametrize("given", ["5", None, True, float("nan"), float("inf"), b"5"])
def test_what_is_no_duration_is_refused_by_name(given: Any) -> None:
    with pytest.raises((TypeError, ValueError), match="delay="):
        seconds(given, name="delay")


def test_a_retry_takes_a_timedelta_a_number_or_nothing() -> None:
    delays = [Retry(delay=each).delay for each in (timedelta(minutes=1), 2, -1, None)]

    assert delays == [60.0, 2.0, 0.0, None]


def test_what_is_said_of_an_end_is_text() -> None:
    failed = Permanent(ValueError("no rows"), None, type=7)
    again = Retry(reason=KeyError("busy"))

    assert (failed.title, failed.detail, failed.type) == ("no rows", "", "7")
    assert again.reason == "'busy'"
