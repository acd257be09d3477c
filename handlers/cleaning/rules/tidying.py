"""Frees the cells of columns of what surrounds and disturbs them."""

from collections.abc import Callable, Sequence

from handlers.cleaning.report import Tally
from handlers.cleaning.table import Batch
from handlers.cleaning.values import (
    even_breaks,
    holds_controls,
    holds_windows_letters,
    remove_controls,
    restore_letters,
    tidy_cell,
    unwrap_text,
)


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
        return [self._learn_column(index, batch, cells) for index, cells in enumerate(batch.columns)]

    def tidy(self, batch: Batch) -> list[list[str]]:
        """Return the tidied columns of a batch of the second pass."""
        if not self._trimmed and not self._disturbed:
            return batch.columns
        columns = list(batch.columns)
        disturbed = self._disturbed if batch.may_be_untidy else set()
        for index in disturbed:
            columns[index] = list(map(tidy_cell, columns[index]))
        for index in self._trimmed - disturbed:
            columns[index] = list(map(str.strip, columns[index]))
        return columns

    def _learn_column(self, index: int, batch: Batch, cells: list[str]) -> list[str]:
        joined = "".join(cells) if batch.may_be_untidy else ""
        if holds_controls(joined):
            cells = self._disturb("controls", index, batch.rows, cells, remove_controls)
        if holds_windows_letters(joined):
            cells = self._disturb("windows_letters", index, batch.rows, cells, restore_letters)
        if "\r" in joined:
            # A line break at the very end is trimmed anyway; it is not counted twice.
            cells = self._disturb("line_breaks", index, batch.rows, cells, even_breaks)
        stripped = list(map(str.strip, cells))
        # strip returns the same object where there is nothing to strip, which makes this cheap.
        if stripped != cells:
            self._tally.compare("trim", index, batch.rows, cells, stripped)
            self._trimmed.add(index)
        if '="' in joined:
            return self._disturb("text_formulas", index, batch.rows, stripped, unwrap_text)
        return stripped

    def _disturb(
        self, rule: str, index: int, rows: Sequence[int], cells: list[str], change: Callable[[str], str]
    ) -> list[str]:
        changed = list(map(change, cells))
        self._tally.compare(rule, index, rows, cells, changed)
        self._disturbed.add(index)
        return changed
