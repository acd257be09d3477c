"""Rows that repeat the header."""

from collections.abc import Sequence

from handlers.cleaning.values import MISSING


class HeaderRepeats:
    """Finds rows that repeat the header, as tables pasted together have them.

    A row repeats it when at least two of its cells hold the name of their column and the others are empty.
    Empty cells count for nothing, so that a column that is left out later changes nothing; nor do marks of
    missing values, which may be emptied.

    Args:
        headers: the header row as it was and as it is now; none where the table has no header.
    """

    def __init__(self, *headers: Sequence[str]) -> None:
        # Only names with a letter: what looks like a number may be a number that becomes one.
        self._names = [
            frozenset(name for name in names if any(map(str.isalpha, name)))
            for names in zip(*headers, strict=True)
        ]

    def find(self, columns: Sequence[Sequence[str]]) -> list[int]:
        """Return the indexes of such rows."""
        for names, cells in zip(self._names, columns, strict=False):
            # In a column without empty cells such a row has a name; mostly that settles it.
            if "" not in cells and MISSING.isdisjoint(cells):
                if names.isdisjoint(cells):
                    return []
                break
        return [
            index
            for index, row in enumerate(zip(*columns, strict=True))
            if self._names and self._repeats(row)
        ]

    def _repeats(self, row: Sequence[str]) -> bool:
        found = 0
        for cell, names in zip(row, self._names, strict=True):
            if cell in names:
                found += 1
            elif cell and cell not in MISSING:
                return False
        return found > 1
