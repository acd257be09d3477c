"""Cuts text into rows of equal width, fast where the text is plain and carefully where it is not.

Blocks without a quote are cut by `str.split`, all lines at once, which is the fastest way; blocks with quotes
go through the `csv` module. Where a line is no record the block is split record by record. What cannot be
read is set aside one line at a time, so that a quote that is never closed costs its own line and not the rest
of the file.
"""

import csv
import io
import re
from collections.abc import Sequence
from itertools import compress
from operator import methodcaller

import msgspec

from handlers.cleaning.table import Reject
from handlers.cleaning.text.marking import MARK, mark, unmark
from handlers.cleaning.text.splitting import Dialect, new_reader, split
from handlers.cleaning.values import SEPARATOR

ROW_END = "\x1e"  # the end of a line in text that does not hold it
MAX_OPEN_RECORD = 8 << 20  # characters that a quoted cell may stay open
_SPACES = re.compile("^ +| +$| +(?= )", re.MULTILINE)


class Rows(msgspec.Struct, frozen=True):
    """Rows cut from a block of text.

    Attributes:
        columns, rows, blank, rejects, clipped, padded, mended: as in `Batch`.
        rest: the end of the text that is not cut yet: a record whose quote is still open.
        lines: how many lines were cut.
        has_breaks: whether cells hold line breaks.
    """

    columns: list[list[str]]
    rows: Sequence[int]
    blank: int = 0
    rejects: tuple[Reject, ...] = ()
    clipped: int = 0
    padded: int = 0
    mended: tuple[int, ...] = ()
    rest: str = ""
    lines: int = 0
    has_breaks: bool = False


class Cutter:
    """Cuts blocks of one file.

    Args:
        dialect: how its lines are read.
        width: cells of a row.
        short_width: a number of cells that is filled up to `width` with empty ones, 0 for none.
    """

    def __init__(self, dialect: Dialect, *, width: int, short_width: int = 0) -> None:
        self._dialect = dialect
        self._width = width
        self._short_width = short_width

    def cut(self, text: str, *, first_line: int, final: bool) -> Rows:
        """Cut a block of whole lines.

        Args:
            first_line: number of its first line in the file.
            final: whether nothing follows it.
        """
        dialect = self._dialect
        if dialect.delimiter == MARK:
            rows = self._cut(mark(text, dialect), first_line, final)
            return msgspec.structs.replace(rows, columns=unmark(rows.columns, dialect.separator))
        return self._cut(text, first_line, final)

    def _cut(self, text: str, first_line: int, final: bool) -> Rows:
        dialect = self._dialect
        if dialect.escapes_quotes:
            text = text.replace("\\" + dialect.quote, dialect.quote * 2)
        plain = text.replace("\r\n", "\n") if "\r" in text else text
        if "\r" in plain or SEPARATOR in plain or ROW_END in plain:
            return self._cut_records(text, first_line=first_line, final=final)
        if not plain.endswith("\n"):
            plain += "\n"
        if dialect.quote not in plain:
            return self._cut_plain(_SPACES.sub("", plain) if dialect.delimiter == " " else plain, first_line)
        lines = plain.split("\n")
        lines.pop()
        parsed = self._parse_lines(lines)
        if parsed is None:
            return self._cut_records(text, first_line=first_line, final=final)
        return self._sort_out(parsed, range(first_line, first_line + len(lines)), len(lines))

    def _parse_lines(self, lines: list[str]) -> list[list[str]] | None:
        """Parse lines of which each must be one record; None where one is not."""
        try:
            parsed = list(new_reader(lines, self._dialect))
        except csv.Error:
            return None
        return parsed if len(parsed) == len(lines) else None

    def _cut_plain(self, text: str, first_line: int) -> Rows:
        """Cut lines without quotes. The text ends with a line end."""
        width, delimiter = self._width, self._dialect.delimiter
        count = text.count("\n")
        if text.count(delimiter) == count * (width - 1):
            cells = text.replace("\n", delimiter + ROW_END + delimiter).split(delimiter)
            if cells[width :: width + 1].count(ROW_END) == count:
                cells.pop()
                return Rows(
                    [cells[index :: width + 1] for index in range(width)],
                    range(first_line, first_line + count),
                    lines=count,
                )
        lines = text.split("\n")
        lines.pop()
        fits = [number == width - 1 for number in map(methodcaller("count", delimiter), lines)]
        misfits = [(index, lines[index]) for index, fit in enumerate(fits) if not fit]
        good = list(compress(lines, fits))
        numbers = list(compress(range(first_line, first_line + count), fits))
        if not self._needs_repair(misfits):
            rejects, blank = self._refuse(misfits, first_line)
            columns: list[list[str]] = [[] for _ in range(width)]
            if good:
                cells = (delimiter + ROW_END + delimiter).join(good).split(delimiter)
                columns = [cells[index :: width + 1] for index in range(width)]
            return Rows(columns, numbers, blank=blank, rejects=rejects, lines=count)
        rows = [line.split(delimiter) for line in lines]
        return self._sort_out(rows, range(first_line, first_line + count), count)

    def _needs_repair(self, misfits: list[tuple[int, str]]) -> bool:
        """Whether one of some lines of the wrong width can be made to fit without losing anything."""
        for _, line in misfits:
            cells = line.split(self._dialect.delimiter)
            if len(cells) == self._short_width or (
                len(cells) > self._width and not any(cell.strip() for cell in cells[self._width :])
            ):
                return True
        return False

    def _refuse(self, misfits: list[tuple[int, str]], first_line: int) -> tuple[tuple[Reject, ...], int]:
        rejects = []
        blank = 0
        for index, line in misfits:
            cells = line.split(self._dialect.delimiter)
            if any(cell.strip() for cell in cells):
                rejects.append(Reject(first_line + index, self._ragged(cells), tuple(cells)))
            else:
                blank += 1
        return tuple(rejects), blank

    def _ragged(self, cells: list[str]) -> str:
        return f"has {len(cells)} cells where the header has {self._width}"

    def _sort_out(
        self,
        records: list[list[str]],
        numbers: Sequence[int],
        lines: int,
        *,
        rejects: list[Reject] | None = None,
        rest: str = "",
        has_breaks: bool = False,
    ) -> Rows:
        """Turn records into columns; set aside those that do not fit."""
        width = self._width
        rejects = rejects or []
        blank = clipped = padded = 0
        if set(map(len, records)) - {width}:
            fitting: list[list[str]] = []
            kept: list[int] = []
            for cells, number in zip(records, numbers, strict=True):
                if len(cells) != width:
                    if not any(cell.strip() for cell in cells):
                        blank += 1
                        continue
                    if len(cells) == self._short_width:
                        cells = [*cells, *[""] * (width - len(cells))]
                        padded += 1
                    elif len(cells) > width and not any(cell.strip() for cell in cells[width:]):
                        cells = cells[:width]
                        clipped += 1
                    else:
                        rejects.append(Reject(number, self._ragged(cells), tuple(cells)))
                        continue
                fitting.append(cells)
                kept.append(number)
            records, numbers = fitting, kept
        columns = [list(column) for column in zip(*records, strict=True)] or [[] for _ in range(width)]
        return Rows(
            columns,
            numbers,
            blank=blank,
            rejects=tuple(sorted(rejects, key=lambda each: each.row)),
            clipped=clipped,
            padded=padded,
            rest=rest,
            lines=lines,
            has_breaks=has_breaks,
        )

    def _cut_records(self, text: str, *, first_line: int, final: bool) -> Rows:
        """Cut a block record by record, with cells that span lines and quotes that are broken."""
        lines = list(io.StringIO(text, newline=""))
        records: list[list[str]] = []
        numbers: list[int] = []
        rejects: list[Reject] = []
        odd: set[int] = set()
        cut = len(lines)
        most_open = 0 if final else MAX_OPEN_RECORD
        for record in split(lines, self._dialect, width=self._width, most_open=most_open):
            if record.kind == "open":
                cut = record.start
            elif record.kind == "stray":
                number = first_line + record.start
                rejects.append(Reject(number, "has a quote that is never closed", tuple(record.cells)))
            else:
                records.append(record.cells)
                numbers.append(first_line + record.start)
                if record.kind == "odd":
                    odd.add(first_line + record.start)
        rest = "".join(lines[cut:])
        rows = self._sort_out(records, numbers, cut, rejects=rejects, rest=rest, has_breaks=True)
        return (
            msgspec.structs.replace(rows, mended=tuple(filter(odd.__contains__, rows.rows))) if odd else rows
        )
