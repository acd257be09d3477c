"""Writes the cleaned table and the rejected rows as delimited text in UTF-8."""

import csv
import re
from collections.abc import Callable, Iterable, Iterator, Sequence
from io import TextIOWrapper
from typing import BinaryIO

from handlers.cleaning.report import show_undecoded
from handlers.cleaning.table import Reject, Written
from handlers.cleaning.values import SEPARATOR, escape_formula

# A cell is quoted where it holds any usual delimiter, not only this file's: whoever opens the file with
# another one in mind sees the same cells.
_SPECIALS = ',;\t|"\n\r'
_SPECIAL = re.compile(f"[{re.escape(_SPECIALS)}]")


def write_text(
    file: BinaryIO, header: Sequence[str], batches: Iterable[Written], *, delimiter: str, mark: bool
) -> None:
    """Write a table.

    Args:
        file: where to; it is closed.
        header: names of the columns.
        mark: whether the file starts with a byte order mark.
    """
    with TextIOWrapper(file, encoding="utf-8-sig" if mark else "utf-8", newline="") as text:
        names = [_quote([name])[0] for name in header]
        if len(names) == 1 and not names[0].startswith('"') and not names[0].isidentifier():
            # Without a delimiter in the file, a space or a sign in a name could be taken for one.
            names = [f'"{names[0]}"']
        text.write(delimiter.join(names) + "\n")
        for batch in batches:
            if batch.columns and batch.columns[0]:
                quoted = [_quote(cells) for cells in batch.columns]
                text.write("\n".join(map(delimiter.join, zip(*quoted, strict=True))) + "\n")


def _quote(cells: list[str]) -> list[str]:
    joined = SEPARATOR.join(cells)
    found = [special for special in _SPECIALS if special in joined]
    if "'" in joined:
        # A column in which every cell is in single quotes would be read as a quoted one.
        return [_quote_cell(cell) for cell in cells]
    if not found:
        return cells
    if len(found) == 1 and found != ['"']:
        only = found[0]
        return [f'"{cell}"' if only in cell else cell for cell in cells]
    return [_quote_cell(cell) for cell in cells]


def _quote_cell(cell: str) -> str:
    if _SPECIAL.search(cell) or (cell[:1] == "'" == cell[-1:] and len(cell) > 1):
        return '"' + cell.replace('"', '""') + '"'
    return cell


class RejectedFile:
    """The rows that were set aside; the file exists only once there is one.

    Args:
        create: makes it.
        header: names of the columns, as the rejected rows' own cells are headed.
        escape: whether cells that start a formula are made text.
    """

    def __init__(self, create: Callable[[], BinaryIO], header: Sequence[str], *, escape: bool) -> None:
        self._create = create
        self._header = header
        self._escape = escape
        self._file: TextIOWrapper | None = None
        self.count = 0

    def write(self, rejects: Sequence[Reject]) -> None:
        """Add rows."""
        if not rejects:
            return
        if self._file is None:
            self._file = TextIOWrapper(self._create(), encoding="utf-8", newline="")
            csv.writer(self._file, lineterminator="\n").writerow(["row", "reason", *self._header])
        csv.writer(self._file, lineterminator="\n").writerows(self._lines(rejects))
        self.count += len(rejects)

    def close(self) -> None:
        """Finish the file."""
        if self._file is not None:
            self._file.close()
            self._file = None

    def _lines(self, rejects: Sequence[Reject]) -> Iterator[list[object]]:
        for reject in rejects:
            cells = [show_undecoded(cell).replace("\r\n", "\n").replace("\r", "\n") for cell in reject.cells]
            if self._escape:
                cells = [_escape_anywhere(cell) for cell in cells]
            yield [reject.row, reject.reason, *cells]


def _escape_anywhere(text: str) -> str:
    """Escape a cell that was not trimmed: some programs skip the spaces before a formula."""
    stripped = text.lstrip()
    return "'" + text if escape_formula(stripped) != stripped else escape_formula(text)
