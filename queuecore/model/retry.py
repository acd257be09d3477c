"""When a failed attempt is tried again: exponential backoff with full jitter."""

import random
from datetime import timedelta
from typing import TYPE_CHECKING, Final

import msgspec

from .errors import InvalidOption
from .given import seconds

_LARGEST_EXPONENT: Final = 64
_convert: Final = msgspec.structs.force_setattr


class Backoff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Delays that grow with every failure and are drawn at random below their ceiling.

    Full jitter spreads the retries of jobs that failed together, so that what
    broke under them is not hit by all of them again in the same second. Source:
    Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

    Args:
        base: ceiling of the first delay, in seconds or as a timedelta.
        factor: how much the ceiling grows with each further failure, at least 1.
        cap: the highest ceiling, in seconds or as a timedelta.

    Raises:
        InvalidOption: one of them has no sense.
    """

    base: float = 1.0
    factor: float = 2.0
    cap: float = 300.0

    if TYPE_CHECKING:
        # What may be given is more than what is found in it.
        def __init__(
            self, base: float | timedelta = ..., factor: float = ..., cap: float | timedelta = ...
        ) -> None: ...

    def __post_init__(self) -> None:
        _convert(self, "base", seconds(self.base, name="base", least=0.0))
        _convert(self, "cap", seconds(self.cap, name="cap", least=0.0))
        if isinstance(self.factor, bool) or not isinstance(self.factor, int | float) or not self.factor >= 1:
            raise InvalidOption("factor", self.factor, "a number, at least 1")

    def ceiling(self, failures: int) -> float:
        """Return the longest delay, in seconds, after `failures` failures (1 = the first)."""
        exponent = min(max(failures, 1) - 1, _LARGEST_EXPONENT)
        try:
            return min(self.cap, self.base * self.factor**exponent)
        except OverflowError:
            return self.cap

    def delay(self, failures: int) -> float:
        """Return a delay, in seconds, drawn evenly between zero and `ceiling(failures)`."""
        return random.uniform(0.0, self.ceiling(failures))
