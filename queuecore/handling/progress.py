"""How far an attempt is, how fast it goes and how long it will still take.

A handler only reports what it has done. Fraction, rate and time left are worked
out here, at the moment a report is written, so that a report costs the handler
next to nothing and all kinds of handlers show the same honest numbers.
"""

import math
import operator
import reprlib
from typing import Any

import msgspec

from ..model import Progress, Step, text_of

# A running job never shows 100 %: that is said only by a result that can be had.
LARGEST_FRACTION = 0.999
# A time left that is shown too early is wrong and then jumps: it waits for this much evidence.
EVIDENCE_SECONDS = 2.0
EVIDENCE_FRACTION = 0.02
HALF_LIFE_SECONDS = 10.0

LONGEST_UNIT = 40  # characters
LONGEST_STEP_NAME = 100
LONGEST_MESSAGE = 500
MOST_STEPS = 1_000_000

_TEXTS = (str, bytes, bytearray)


class ProgressReport(msgspec.Struct, frozen=True, array_like=True):
    """What a handler said last: counts of the step it is in, or the overall fraction."""

    done: float
    total: float | None = None
    unit: str = ""
    message: str = ""
    step: Step | None = None
    fraction: float | None = None


def checked_report(
    done: Any, total: Any, unit: Any, message: Any, step: Any, fraction: Any
) -> ProgressReport:
    """Return what a handler reports, in plain types that can be stored, with its texts cut to a fit length.

    Raises:
        TypeError, ValueError: something is not what it must be; the message names it.
    """
    # Handlers call this for each of a million rows; what is as it should be costs no further call.
    if type(done) is not float:
        done = _number("done", done)
    if total is not None and type(total) is not float:
        total = _number("total", total)
    if type(unit) is not str or len(unit) > LONGEST_UNIT:
        unit = checked_text("unit", unit, limit=LONGEST_UNIT)
    if type(message) is not str or len(message) > LONGEST_MESSAGE:
        message = checked_text("message", message, limit=LONGEST_MESSAGE)
    if step is not None:
        step = _checked_step(step)
    if fraction is not None and type(fraction) is not float:
        fraction = _number("fraction", fraction)
    return ProgressReport(done, total, unit, message, step, fraction)


def checked_text(name: str, value: Any, *, limit: int) -> str:
    """Return `value`, a text, as one of at most `limit` characters.

    Raises:
        TypeError: it is none.
    """
    if not isinstance(value, str):
        raise TypeError(f"{name} is {reprlib.repr(value)}, it must be a text (str)")
    text = value if type(value) is str else text_of(value)
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _number(name: str, value: Any) -> float:
    # Numbers of other libraries are numbers, too, but have no form in msgpack; texts like "0.5" are not.
    if not isinstance(value, _TEXTS):
        try:
            return float(value)
        except (TypeError, ValueError, OverflowError):
            pass
    raise TypeError(f"{name} is {reprlib.repr(value)}, it must be a number")


def _checked_step(step: Any) -> Step:
    if not isinstance(step, Step):
        raise TypeError(f"step is {reprlib.repr(step)}, it must be a Step: Step('reading', 1, 3)")
    name = checked_text("the step's name", step.name, limit=LONGEST_STEP_NAME)
    return Step(name, _count("the step's index", step.index), _count("the step's count", step.count))


def _count(name: str, value: Any) -> int:
    try:
        count = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} is {reprlib.repr(value)}, it must be a whole number") from None
    if not 0 <= count <= MOST_STEPS:
        raise ValueError(f"{name} is {reprlib.repr(value)}, it must be between 0 and {MOST_STEPS}")
    return count


class ProgressMeter:
    """Turns the reports of one attempt, in their order, into `Progress` values.

    The fraction never falls within the attempt, whatever the handler reports.
    """

    __slots__ = ("_best", "_first_at", "_first_fraction", "_fraction_speed", "_pace_of", "_rate")

    def __init__(self) -> None:
        self._best: float | None = None
        self._first_at = 0.0
        self._first_fraction = 0.0
        self._fraction_speed = _Speed()
        self._rate = _Speed()
        self._pace_of: tuple[str, str] | None = None

    def measure(self, report: ProgressReport, *, now: float, now_ms: int) -> Progress:
        """Return the progress to show for `report`.

        Args:
            report: what the handler said last.
            now: a monotonic clock, in seconds.
            now_ms: the time of day, in UTC ms, for the reader of the progress.
        """
        done = _finite(report.done) or 0.0
        total = _finite(report.total)
        fraction = self._advance_fraction(overall_fraction(report), now=now)
        return Progress(
            fraction=fraction,
            done=done,
            total=total,
            unit=report.unit,
            message=report.message,
            step=report.step,
            rate=self._measure_rate(report, done, now=now),
            eta=self._estimate_time_left(fraction, now=now),
            updated_ms=now_ms,
        )

    def _advance_fraction(self, fraction: float | None, *, now: float) -> float | None:
        if fraction is None:
            return self._best
        if self._best is None:
            self._best = self._first_fraction = fraction
            self._first_at = now
        self._best = max(self._best, fraction)
        self._fraction_speed.observe(self._best, now=now)
        return self._best

    def _measure_rate(self, report: ProgressReport, done: float, *, now: float) -> float | None:
        pace_of = (report.unit, report.step.name if report.step else "")
        if pace_of != self._pace_of:
            # Rows a second say nothing about the megabytes a second of the next step.
            self._pace_of = pace_of
            self._rate = _Speed()
        self._rate.observe(done, now=now)
        return self._rate.per_second if self._rate.seconds >= EVIDENCE_SECONDS else None

    def _estimate_time_left(self, fraction: float | None, *, now: float) -> float | None:
        if fraction is None or now - self._first_at < EVIDENCE_SECONDS:
            return None
        if fraction - self._first_fraction < EVIDENCE_FRACTION:
            return None
        speed = self._fraction_speed.per_second
        return (1.0 - fraction) / speed if speed else None


class _Speed:
    """The change of a value a second, the latest seconds weighing most.

    Change and time are both summed with the same exponential decay, so that the
    quotient is right from the second observation on and does not depend on how
    often it is observed.
    """

    __slots__ = ("_change", "_last_at", "_last_value", "_time", "seconds")

    def __init__(self) -> None:
        self.seconds = 0.0
        self._change = 0.0
        self._time = 0.0
        self._last_at: float | None = None
        self._last_value = 0.0

    def observe(self, value: float, *, now: float) -> None:
        if self._last_at is not None:
            elapsed = max(now - self._last_at, 0.0)
            decay = 0.5 ** (elapsed / HALF_LIFE_SECONDS)
            self._change = self._change * decay + max(value - self._last_value, 0.0)
            self._time = self._time * decay + elapsed
            self.seconds += elapsed
        self._last_at = now
        self._last_value = value

    @property
    def per_second(self) -> float | None:
        if self._time <= 0.0 or self._change <= 0.0:
            return None
        return self._change / self._time


def overall_fraction(report: ProgressReport) -> float | None:
    """Return the share of the whole job that is done, below 1, or None where nothing says it.

    The handler's own fraction is believed first. Else the steps count as equally
    long and `done` of `total` is the share of the step that is under way.
    """
    fraction = _finite(report.fraction)
    if fraction is None:
        total = _finite(report.total)
        done = _finite(report.done) or 0.0
        within = min(max(done / total, 0.0), 1.0) if total else None
        if report.step is not None and report.step.count > 0:
            fraction = (report.step.index - 1 + (within or 0.0)) / report.step.count
        else:
            fraction = within
    if fraction is None:
        return None
    return min(max(fraction, 0.0), LARGEST_FRACTION)


def _finite(number: float | None) -> float | None:
    return number if number is not None and math.isfinite(number) else None
