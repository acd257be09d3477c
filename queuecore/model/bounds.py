"""Bounds: how much there may be under one name before new jobs are refused."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final, Literal

import msgspec

from .errors import InvalidOption
from .given import text, whole_number

LONGEST_NAME: Final = 300  # characters
LARGEST_AMOUNT: Final = 1 << 52  # what Lua still counts exactly
MOST_BOUNDS: Final = 8  # of one job

Until = Literal["ended", "removed"]


class Bound(msgspec.Struct, frozen=True):
    """How much there may be under one name, of all jobs of a space, before new ones are refused.

    `Bound("ann", most=500)`: at most 500 jobs of Ann's that have not ended.
    `Bound("ann", most=10 << 30, amount=size, until="removed")`: at most 10 GiB for jobs that are still kept.

    A job at a bound is refused when it is enqueued (`BoundReached`), where a job at a `Limit` waits. Jobs
    that are submitted together are counted together. A job that is there already, by its id or its
    idempotency key, counts nothing.

    Args:
        name: what counts together, 1 to 300 characters.
        most: how much there may be with this job; None counts it and refuses nothing.
        amount: how much this job is of it.
        until: it counts until it has ended, or until its record is removed.

    Raises:
        InvalidOption: one of them has no sense; the message says what it must be.
    """

    name: str
    most: int | None
    amount: int = 1
    until: Until = "ended"

    def __post_init__(self) -> None:
        text(self.name, name="name", least=1)
        if len(self.name) > LONGEST_NAME:
            raise InvalidOption("name", self.name, f"at most {LONGEST_NAME} characters")
        if self.most is not None:
            whole_number(self.most, name="most", least=0, most=LARGEST_AMOUNT)
        whole_number(self.amount, name="amount", least=0, most=LARGEST_AMOUNT)
        if self.until not in ("ended", "removed"):
            raise InvalidOption("until", self.until, "'ended' or 'removed'")


def check_bounds(bounds: Sequence[Bound]) -> tuple[Bound, ...]:
    """Return the bounds of a job. Raises InvalidOption where they are none."""
    if isinstance(bounds, Bound) or not all(isinstance(bound, Bound) for bound in bounds):
        raise InvalidOption("bounds", bounds, "a list of bounds, such as [Bound('ann', most=500)]")
    if len(bounds) > MOST_BOUNDS:
        raise InvalidOption("bounds", len(bounds), f"at most {MOST_BOUNDS}")
    if len({(bound.name, bound.until) for bound in bounds}) < len(bounds):
        raise InvalidOption("bounds", bounds, "each name once")
    return tuple(bounds)
