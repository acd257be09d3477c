"""Limits: how many attempts may run at once, or start in a time, of all jobs that name the same key."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import timedelta
from typing import Any, Final

import msgspec

from .errors import InvalidLimit, InvalidOption
from .given import seconds
from .key import Key, bind_key, check_key, check_names, shown_key

LARGEST_SIZE: Final = 1_000_000
_NOUN: Final = "a limit"


class Limit(msgspec.Struct, frozen=True):
    """How many jobs with one key may run at once, or start in a time.

    `Limit("exchange", concurrency=4)`: at most four attempts at once, in the whole space.
    `Limit("{owner}", concurrency=2)`: two for each owner.
    `Limit("exchange", rate=(5, 1.0), burst=10)`: five starts a second, up to ten at once after a quiet time.

    A job whose limit leaves no room waits, in the order of urgency and then of coming, and keeps nobody else
    from starting. A place is held from the claim to the outcome of an attempt: not in line, not between
    attempts.

    Args:
        key: which jobs count together: a text with `{owner}`, `{kind}`, `{queue}` and the names of arguments
            in braces; or a function that is called with the job's arguments, a struct, and returns the text.
        concurrency: how many attempts at once.
        rate: how many starts in how many seconds; a timedelta will do.
        burst: how many of these at once when none came for a while; by default all of `rate`'s.

    Raises:
        InvalidLimit: there is neither concurrency nor rate, or a value cannot be one.
    """

    key: Key
    concurrency: int | None = None
    rate: tuple[int, float | timedelta] | None = None
    burst: int | None = None

    def __post_init__(self) -> None:
        check_key(self.key, noun=_NOUN, wrong=InvalidLimit)
        if (self.concurrency is None) == (self.rate is None):
            raise InvalidLimit(
                f"the limit {self.shown} needs one of concurrency=4 (at once) and rate=(5, 1.0) "
                "(starts in seconds); for both write two limits"
            )
        if self.concurrency is not None:
            _check_size(self, "concurrency", self.concurrency)
            if self.burst is not None:
                raise InvalidLimit(f"the limit {self.shown}: burst belongs to rate")
        if self.rate is not None:
            self._check_rate(self.rate)

    @property
    def shown(self) -> str:
        """What to call it in a sentence."""
        return shown_key(self.key)

    def check_arguments(self, kind: str, arguments: frozenset[str]) -> None:
        """Raise InvalidLimit if the key names what jobs of this kind do not have."""
        check_names(kind, self.key, arguments, noun=_NOUN, wrong=InvalidLimit)

    def bound_to(self, arguments: Any, job: Mapping[str, str]) -> BoundLimit:
        """Return the limit for one job.

        Args:
            arguments: the job's, as its handler gets them, a struct.
            job: the texts for OF_THE_JOB.

        Raises:
            InvalidLimit: the key is empty, too long or no text, or its function raised.
        """
        name = bind_key(self.key, arguments, job, noun=_NOUN, wrong=InvalidLimit)
        if self.concurrency is not None:
            return BoundLimit(name, places=self.concurrency)
        assert self.rate is not None
        starts, time = self.rate
        interval = seconds(time, name="rate") * 1000 / starts
        return BoundLimit(name, interval=interval, burst=self.burst or starts)

    def _check_rate(self, rate: object) -> None:
        if not isinstance(rate, tuple) or len(rate) != 2:
            raise InvalidLimit(
                f"the limit {self.shown}: rate={rate!r:.80}; write rate=(5, 1.0) for five in one second"
            )
        starts, time = rate
        _check_size(self, "rate", starts)
        try:
            seconds(time, name="rate", least=0.001, most=31 * 86400.0)
        except InvalidOption as error:
            raise InvalidLimit(f"the limit {self.shown}: {error}") from error
        if self.burst is not None:
            _check_size(self, "burst", self.burst)


class BoundLimit(msgspec.Struct, frozen=True, omit_defaults=True):
    """A limit as it is stored with a job: places that are held, or starts that are `interval` ms apart."""

    name: str
    places: int | None = None
    interval: float | None = None
    burst: int | None = None


def check_limits(limits: Sequence[Limit]) -> tuple[Limit, ...]:
    """Return them as a tuple. Raises InvalidLimit if one is no limit."""
    if isinstance(limits, str | Limit) or not isinstance(limits, Sequence):
        raise InvalidLimit(f"limits={limits!r:.80} must be a list, such as [Limit('key', concurrency=4)]")
    for limit in limits:
        if not isinstance(limit, Limit):
            raise InvalidLimit(f"{limit!r:.80} is no limit; write Limit('key', concurrency=4)")
    return tuple(limits)


def _check_size(limit: Limit, word: str, value: object) -> None:
    if not isinstance(value, int) or isinstance(value, bool) or not 1 <= value <= LARGEST_SIZE:
        raise InvalidLimit(
            f"the limit {limit.shown}: {word}={value!r:.80} is not a whole number from 1 to {LARGEST_SIZE}"
        )
