"""When a failed attempt is tried again: exponential backoff with full jitter."""

import random

import msgspec

_LARGEST_EXPONENT = 64


class Backoff(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """Delays that grow with every failure and are drawn at random below their ceiling.

    Full jitter spreads the retries of jobs that failed together, so that what
    broke under them is not hit by all of them again in the same second. Source:
    Marc Brooker, "Exponential Backoff And Jitter", AWS Architecture Blog, 2015.

    Args:
        base: ceiling of the first delay, in seconds.
        factor: how much the ceiling grows with each further failure, at least 1.
        cap: the highest ceiling, in seconds.
    """

    base: float = 1.0
    factor: float = 2.0
    cap: float = 300.0

    def __post_init__(self) -> None:
        if self.base < 0 or self.cap < 0 or self.factor < 1:
            raise ValueError(f"{self!r}: base and cap must not be negative, factor must be at least 1")

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
