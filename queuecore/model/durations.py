"""Durations, however they are given: seconds as a number, or a timedelta."""

import math
from datetime import timedelta


def seconds(duration: float | timedelta, *, name: str) -> float:
    """Return `duration` in seconds.

    Args:
        name: what it is called in the error.

    Raises:
        TypeError, ValueError: it is no duration, or has no end.
    """
    if isinstance(duration, timedelta):
        return duration.total_seconds()
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        raise TypeError(f"{name}={duration!r} must be seconds, as a number or a timedelta")
    if not math.isfinite(duration):
        raise ValueError(f"{name}={duration!r} must be finite")
    return float(duration)
