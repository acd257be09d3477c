"""Where the header row of a table is, below the titles above it, and whether there is one.

What the columns hold is the witness: names stand above numbers, while a row with numbers above numbers is
data like the rest. All is judged by tidy cells, so that a cleaned table is judged as it was before.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from typing import Literal

import msgspec

from handlers.cleaning.options import HeaderChoice
from handlers.cleaning.report import list_names
from handlers.cleaning.values import kind_of, tidy_cell, tidy_name, whole_number

Row = Sequence[str]

_MOST_ROWS_HEARD = 200
_MOST_CELLS_HEARD = 20_000
_YEARS = range(1900, 2101)


class Header(msgspec.Struct, frozen=True):
    """The header of a table.

    Attributes:
        above: how many of the rows stand above it.
        named: whether it names the columns; else it is the first row of the table.
        warnings: what the sender should know about it.
    """

    above: int
    named: bool
    warnings: tuple[str, ...] = ()


def find_header(rows: Sequence[Row], *, width: int, choice: HeaderChoice) -> Header:
    """Find the header row of a table.

    Args:
        rows: the first rows that are not blank, each with the cells it has.
        width: how many cells most rows have.
        choice: the sender's word: "no" where the first row is data, "yes" where it names the columns.
    """
    if choice == "no":
        return Header(0, named=False)
    above = _count_titles(rows, width)
    names = list(map(tidy_name, rows[above]))
    heard = _hear(names, _rows_heard(rows[above:], width))
    if choice == "auto" and heard.verdict == "data":
        looks = (
            f"The first row looks like data: {list_names(heard.doubts, most=3)} would name a column of such "
            "values. So the columns were numbered; if the row does hold their names, choose “yes” for “first "
            "row is the header”."
        )
        return Header(above, named=False, warnings=(looks,))
    warnings = []
    named = _reach(names)
    columns = max(map(_reach, rows[above:]))
    if named < min(columns, width):
        warnings.append(f"The header names only {named:,} of {columns:,} columns; the others were numbered.")
    if choice == "auto" and heard.verdict == "unknown" and heard.doubts:
        warnings.append(
            f"The first row was taken for the names of the columns, though {list_names(heard.doubts, most=3)}"
            " could be data. If it is, choose “no” for “first row is the header”."
        )
    return Header(above, named=True, warnings=tuple(warnings))


def names_columns(rows: Sequence[Row], *, width: int) -> bool:
    """Whether the first of some rows is a header beyond doubt: text above numbers, and nothing like data."""
    names = list(map(tidy_name, rows[0]))
    heard = _hear(names, _rows_heard(rows, width))
    return heard.verdict == "names" and not heard.doubts


def count_columns(names: Row, rows: Sequence[Row], width: int) -> int:
    """Say how many columns a table has: without the empty cells that some programs add to every row.

    Args:
        names: the header row.
        rows: those below it.
        width: how many cells most of these have.
    """
    named = len(names)
    while named > width and not names[named - 1].strip():
        named -= 1
    if named >= width:
        return named
    usual = [cells for cells in rows if len(cells) == width]
    while named < width and not any(cells[width - 1].strip() for cells in usual):
        width -= 1
    return width


def _count_titles(rows: Sequence[Row], width: int) -> int:
    """Say how many of the first rows are titles above the header, or notes."""
    filled = [sum(1 for cell in row if cell.strip()) for row in rows]
    reaches = list(map(_reach, rows))
    usual = sorted(reaches)[len(reaches) // 2]
    most = max(filled)
    short: int | None = None
    for index, row in enumerate(rows):
        if len(row) == 1 < width or (filled[index] <= 1 and most > 2):
            continue
        if reaches[index] >= usual:
            # Above a row that is a header beyond doubt, one with fewer names is a title.
            if short is not None and not names_columns(rows[index:], width=width):
                return short
            return index
        # A header may lack a name or two, for columns that nobody named.
        if short is None and (reaches[index] == usual - 1 or 2 * filled[index] > most):
            short = index
    if short is not None:
        return short
    return next((index for index, number in enumerate(filled) if number > 1), 0)


def _reach(row: Row) -> int:
    """Return how many cells a row has without the empty ones at its end."""
    return next((len(row) - index for index, cell in enumerate(reversed(row)) if cell.strip()), 0)


def _rows_heard(rows: Sequence[Row], width: int) -> Iterator[Row]:
    """Yield the rows below the first that will be rows of the table, as many as it takes."""
    names, below = rows[0], rows[1:]
    columns = count_columns(names, below, width)

    def fits(row: Row) -> bool:
        return len(row) in (columns, min(width, columns)) or (len(row) > columns and _reach(row) <= columns)

    fitting = (row for row in below if fits(row) and _is_decoded(row))
    return islice(fitting, max(2, min(_MOST_ROWS_HEARD, _MOST_CELLS_HEARD // width)))


def _is_decoded(row: Row) -> bool:
    try:
        "".join(row).encode("utf-8")
    except UnicodeEncodeError:
        return False
    return True


class _Heard(msgspec.Struct, frozen=True):
    """What the columns say of the row above them, and which of its cells could be data."""

    verdict: Literal["names", "data", "unknown"]
    doubts: tuple[str, ...] = ()


def _hear(names: Sequence[str], below: Iterator[Row]) -> _Heard:
    above_text = 0
    doubts: list[str] = []
    labels: list[bool] = []
    for name, cells in zip(names, zip(*_evened(below, len(names)), strict=True), strict=False):
        kind = _only_kind(cells)
        if kind in ("", "text"):
            continue
        if kind_of(name) == "text":
            above_text += 1
        elif kind_of(name) == kind:
            doubts.append(name)
            labels.append(
                _is_year(name) and not all(_is_year(tidy_cell(cell)) for cell in cells if cell.strip())
            )
    if above_text:
        return _Heard("names", tuple(doubts))
    if not doubts:
        return _Heard("unknown")
    return _Heard("unknown" if all(labels) or _counts_up(doubts) else "data", tuple(doubts))


def _evened(rows: Iterator[Row], width: int) -> Iterator[Row]:
    return ((*row[:width], *[""] * (width - len(row))) for row in rows)


def _only_kind(cells: Sequence[str]) -> str:
    """Return what all cells of a column are that are not empty; "text" where they are not alike."""
    only = ""
    for cell in cells:
        kind = kind_of(tidy_cell(cell))
        if kind == "text" or (kind and only and kind != only):
            return "text"
        only = only or kind
    return only


def _is_year(text: str) -> bool:
    return whole_number(text) in _YEARS


def _counts_up(names: Sequence[str]) -> bool:
    """Whether names are the numbers of columns: 0, 1, 2 or 1, 2, 3."""
    numbers = [int(name) for name in names if name.isdecimal()]
    return len(names) > 1 and numbers in (list(range(len(names))), list(range(1, len(names) + 1)))
