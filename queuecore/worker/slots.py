"""The slots of a feed, by class: how many are free, and whether there may be work for them.

The event loop, threads and job processes are counted apart, so that none of them waits for another.
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import cycle

from ..model import Ask, SlotClass, Subscription

LANES = 2


class Slots:
    """The slots of one class.

    Attributes:
        runs: which class it is.
        size: how many there are.
        free: how many of them are free; those asked for in a call under way are not.
        looks: how often it was said that there is work.
        may_be_work: whether a claim may find something.
    """

    __slots__ = ("_avoided", "_queues", "_turns", "free", "looks", "may_be_work", "runs", "size")

    def __init__(self, runs: SlotClass, size: int, subscription: Subscription) -> None:
        self.runs = runs
        self.size = size
        self.free = size
        self.looks = 0
        self.may_be_work = True
        # Of each class its own: classes that take turns in calls must not always meet the same order.
        self._queues = subscription.queues
        self._avoided: set[str] = set()
        self._turns: Iterator[tuple[str, ...]] = cycle(subscription.turns())

    def look(self) -> None:
        """Take note that there may be work."""
        self.looks += 1
        self.may_be_work = True

    def ask(self) -> Ask:
        """Set free slots aside for the next call: half of all, so that another call can be under way."""
        n = min(self.free, max(1, self.size // LANES))
        self.free -= n
        turn = next(self._turns)
        if self._avoided:
            turn = tuple(queue for queue in turn if queue not in self._avoided)
        return Ask(self.runs, n, turn)

    @property
    def has_queues(self) -> bool:
        """Whether there is a queue to claim from."""
        return len(self._avoided) < len(self._queues)

    def avoid(self, queue: str) -> None:
        """Claim from all queues but this one: Redis refuses it."""
        self._avoided.add(queue)

    def avoid_no_more(self, queue: str) -> None:
        """Claim from this queue again."""
        self._avoided.discard(queue)

    def ask_for_none(self) -> Ask:
        """What tells Redis that this runner takes no more jobs of this class."""
        return Ask(self.runs, 0, next(self._turns))
