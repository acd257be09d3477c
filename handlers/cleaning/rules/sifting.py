"""Leaves out what is no row of the table, alike in both passes."""

from collections.abc import Sequence
from itertools import compress

import msgspec

from handlers.cleaning.rules.repeats import HeaderRepeats
from handlers.cleaning.table import Batch, Native, Reject
from handlers.cleaning.values import MISSING

MOST_CHARACTERS_IN_XLSX_CELL = 32_767


class Sifter:
    """Leaves out empty rows, repeated headers and rows that the output cannot hold.

    Both passes sift alike: what a column holds must not depend on rows that are not written.

    Args:
        repeats: finds rows that repeat the header.
        most_characters: of a cell, 0 for no limit.
    """

    def __init__(self, repeats: HeaderRepeats, *, most_characters: int = 0) -> None:
        self._repeats = repeats
        self._most_characters = most_characters

    def sift(self, batch: Batch, columns: list[list[str]]) -> Batch:
        """Return the batch with its tidied columns and without such rows."""
        if not columns or not columns[0]:
            return _replace(batch, columns, batch.rows, batch.natives)
        drop: dict[int, Reject | None] = {}
        if all("" in cells for cells in columns):
            drop.update((index, None) for index, row in enumerate(zip(*columns, strict=True)) if not any(row))
        for index in self._repeats.find(columns):
            row = tuple(cells[index] for cells in columns)
            drop[index] = Reject(batch.rows[index], "repeats the header row", row)
        if self._most_characters:
            self._find_long(batch, columns, drop)
        if not drop:
            return _replace(batch, columns, batch.rows, batch.natives)
        keep = [index not in drop for index in range(len(columns[0]))]
        rejects = [reject for reject in drop.values() if reject is not None]
        return _replace(
            batch,
            [list(compress(cells, keep)) for cells in columns],
            list(compress(batch.rows, keep)),
            batch.natives and [cells and list(compress(cells, keep)) for cells in batch.natives],
            blank=len(drop) - len(rejects),
            rejects=rejects,
        )

    def _find_long(self, batch: Batch, columns: list[list[str]], drop: dict[int, Reject | None]) -> None:
        # Counted in UTF-16 units as Excel does; one is kept free for the mark of a formula.
        for number, cells in enumerate(columns, start=1):
            if max(map(len, cells)) * 2 < self._most_characters:
                continue
            for index, cell in enumerate(cells):
                length = len(cell.encode("utf-16-le", "surrogatepass")) // 2
                if length >= self._most_characters:
                    row = tuple(each[index] for each in columns)
                    reason = (
                        f"has {length} characters in cell {number}, XLSX holds {self._most_characters - 1}"
                    )
                    drop[index] = Reject(batch.rows[index], reason, row)


def has_hollow_row(columns: Sequence[Sequence[str]]) -> bool:
    """Whether a row holds nothing but marks of missing values, so that it would be empty without them."""
    hollow: Sequence[int] = range(len(columns[0])) if columns else range(0)
    for cells in columns:
        hollow = [index for index in hollow if not cells[index] or cells[index] in MISSING]
        if not hollow:
            return False
    return True


def _replace(
    batch: Batch,
    columns: list[list[str]],
    rows: Sequence[int],
    natives: list[list[Native | None] | None] | None,
    *,
    blank: int = 0,
    rejects: Sequence[Reject] = (),
) -> Batch:
    return msgspec.structs.replace(
        batch,
        columns=columns,
        rows=rows,
        natives=natives,
        blank=batch.blank + blank,
        rejects=tuple(sorted((*batch.rejects, *rejects), key=lambda reject: reject.row))
        if rejects
        else batch.rejects,
    )
