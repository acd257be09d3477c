"""Frees the cells of columns of what surrounds and disturbs them."""

from collections.abc import Sequence

from handlers.cleaning.report import Tally
from handlers.cleaning.table import Batch
from handlers.cleaning.values import even_breaks, holds_controls, remove_controls


class Tidier:
    """Removes what surrounds and disturbs the text of cells.

    The first pass learns which columns need what; the second only does that.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._trimmed: set[int] = set()
        self._disturbed: set[int] = set()

    def learn(self, batch: Batch) -> list[list[str]]:
        """Return the tidied columns of a batch of the first pass, and count what was done."""
        tidied = []
        for index, cells in enumerate(batch.columns):
            if batch.may_hold_controls:
                cells = self._calm(index, batch.rows, cells)
            stripped = list(map(str.strip, cells))
            # strip returns the same object where there is nothing to strip, which makes this cheap.
            if stripped != cells:
                self._tally.compare("trim", index, batch.rows, cells, stripped)
                self._trimmed.add(index)
            tidied.append(stripped)
        return tidied

    def tidy(self, batch: Batch) -> list[list[str]]:
        """Return the tidied columns of a batch of the second pass."""
        if not self._trimmed and not self._disturbed:
            return batch.columns
        columns = list(batch.columns)
        if batch.may_hold_controls:
            for index in self._disturbed:
                columns[index] = [even_breaks(remove_controls(cell)) for cell in columns[index]]
        for index in self._trimmed:
            columns[index] = list(map(str.strip, columns[index]))
        return columns

    def _calm(self, index: int, rows: Sequence[int], cells: list[str]) -> list[str]:
        joined = "".join(cells)
        if holds_controls(joined):
            without = list(map(remove_controls, cells))
            self._tally.compare("controls", index, rows, cells, without)
            self._disturbed.add(index)
            cells = without
        if "\r" in joined:
            even = list(map(even_breaks, cells))
            # A line break at the very end is trimmed anyway; it is not counted twice.
            self._tally.compare("line_breaks", index, rows, cells, even)
            self._disturbed.add(index)
            cells = even
        return cells
