"""Which queues a worker serves, and in which order its claims look at them.

A claim goes through the queues of its turn and fills its free slots from the first ones that have
jobs. So an order is a preference, weights are shares of the claims, and no queue starves.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Final

import msgspec

from .ids import NAME

LARGEST_WEIGHT: Final = 100
# Where the operator gives an order, every tenth claim begins with another of the queues.
TURNS_IN_ORDER: Final = 9


class Subscription(msgspec.Struct, frozen=True):
    """The queues of a worker, the preferred one first; `weights`, if there are any, one for each."""

    queues: tuple[str, ...]
    weights: tuple[int, ...] = ()

    def turns(self) -> list[tuple[str, ...]]:
        """The orders in which claims look at the queues, one claim after the other, then from the start."""
        if len(self.queues) == 1:
            return [self.queues]
        return self._weighted() if self.weights else self._ordered()

    def _ordered(self) -> list[tuple[str, ...]]:
        turns = []
        for first in self.queues[1:]:
            rest = tuple(queue for queue in self.queues if queue != first)
            turns += [self.queues] * TURNS_IN_ORDER + [(first, *rest)]
        return turns

    def _weighted(self) -> list[tuple[str, ...]]:
        """Smooth weighted round robin: shares are exact over a round and spread evenly within it.

        Source: nginx, "Upstream: smooth weighted round-robin balancing", 2012.
        """
        divisor = math.gcd(*self.weights)
        weights = {queue: weight // divisor for queue, weight in zip(self.queues, self.weights, strict=True)}
        credit = dict.fromkeys(weights, 0)
        turns = []
        for _ in range(sum(weights.values())):
            for queue, weight in weights.items():
                credit[queue] += weight
            order = sorted(credit, key=credit.__getitem__, reverse=True)
            credit[order[0]] -= sum(weights.values())
            turns.append(tuple(order))
        return turns


def parse_queues(texts: Sequence[str]) -> Subscription:
    """Read the queues of a worker: `["mail", "default"]` in that order, `["mail=3", "default=1"]` by weight.

    Raises:
        ValueError: a name or a weight cannot be one, a queue is named twice, or there is none.
    """
    queues: list[str] = []
    weights: list[int | None] = []
    for text in texts:
        queue, equals, weight = text.partition("=")
        if not NAME.fullmatch(queue):
            raise ValueError(
                f"queue {text!r}: a name is lower case letters, digits and underscores, a letter first, "
                "at most 32 characters; a weight follows it as in 'mail=3'"
            )
        if equals and not (weight.isascii() and weight.isdigit() and 1 <= int(weight[:4]) <= LARGEST_WEIGHT):
            raise ValueError(f"queue {text!r}: a weight is a whole number from 1 to {LARGEST_WEIGHT}")
        if queue in queues:
            raise ValueError(f"queue {queue!r} is named twice")
        queues.append(queue)
        weights.append(int(weight) if equals else None)
    if not queues:
        raise ValueError("a worker needs a queue to serve, such as 'default'")
    if all(weight is None for weight in weights):
        return Subscription(tuple(queues))
    return Subscription(tuple(queues), tuple(weight or 1 for weight in weights))
