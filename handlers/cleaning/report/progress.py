"""How far the cleaning of one file is: steps of different weight, and one share of the whole."""

from collections.abc import Callable, Sequence

import msgspec


class StepProgress(msgspec.Struct, frozen=True):
    """One report of progress.

    Attributes:
        step: what is being done, "checking rows".
        index, count: which of how many steps that is, from 1.
        done, total: units of the step.
        unit: what is counted: "bytes" or "rows".
        fraction: the share of the whole work, 0 to 1.
    """

    step: str
    index: int
    count: int
    done: int
    total: int
    unit: str
    fraction: float


Report = Callable[[StepProgress], None]


class Steps:
    """Turns the progress of each step into progress of the whole.

    Args:
        weights: (name, relative weight) of each step, in their order.
        report: called with every piece of progress.
    """

    def __init__(self, weights: Sequence[tuple[str, float]], report: Report) -> None:
        self._names = [name for name, _ in weights]
        whole = sum(weight for _, weight in weights)
        self._shares = [weight / whole for _, weight in weights]
        self._report = report
        self._index = -1

    def begin(self, name: str) -> None:
        """Go on to the step `name`."""
        self._index = self._names.index(name)

    def advance(self, done: int, total: int, unit: str) -> None:
        """Say that `done` of `total` units of the current step are done."""
        inside = min(1.0, done / total) if total else 1.0
        fraction = sum(self._shares[: self._index]) + self._shares[self._index] * inside
        self._report(
            StepProgress(
                self._names[self._index],
                self._index + 1,
                len(self._names),
                min(done, total) if total else done,
                total,
                unit,
                min(1.0, fraction),
            )
        )
