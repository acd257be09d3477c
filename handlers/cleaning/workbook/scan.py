"""Learns what a sheet holds by reading its XML as a stream: extents, error cells, formulas, formats."""

import re
from collections.abc import Callable
from typing import Any
from xml.parsers import expat

import msgspec

from handlers.cleaning.failures import CleaningError
from handlers.cleaning.workbook.archive import Archive, damaged
from handlers.cleaning.workbook.sheets import Sheet
from handlers.cleaning.workbook.xml import local_name, new_parser

MAX_ROWS = 1_048_576
MAX_COLUMNS = 16_384
MAX_CELLS = 100_000_000
_MOST_ERRORS = 100_000
_MIXED = "mixed"
_REFERENCE = re.compile(r"([A-Z]{1,3})([0-9]{1,7})")


class Extent(msgspec.Struct, frozen=True):
    """What a sheet holds.

    Attributes:
        cells: how many have a value.
        rows: how many rows have one.
        last_row: the last of them, from 1; 0 in an empty sheet.
        columns: the columns that have one, from 1.
        errors: the error cells, (row, column) from 1: "#N/A".
        unfinished: formulas whose value was never saved.
        unfinished_columns: the columns that have such formulas.
        styles: of the columns whose numbers all have the same style, its number.
        merged: merged ranges.
        too_many_errors: whether `errors` is not all of them.
    """

    cells: int
    rows: int
    last_row: int
    columns: tuple[int, ...]
    errors: dict[tuple[int, int], str]
    unfinished: int
    unfinished_columns: frozenset[int]
    styles: dict[int, int]
    merged: int
    too_many_errors: bool


def scan_sheet(archive: Archive, sheet: Sheet, *, advance: Callable[[int], None]) -> Extent:
    """Read a sheet once, as a stream, and say what it holds.

    Args:
        advance: called with the number of bytes read so far.

    Raises:
        CleaningError: it is damaged or larger than a workbook can be.
    """
    scan = _Scan()
    parser = new_parser()
    parser.StartElementHandler = scan.start
    parser.EndElementHandler = None
    scan.parser = parser
    done = 0
    try:
        for chunk in archive.stream(sheet.part):
            parser.Parse(chunk, False)
            done += len(chunk)
            advance(done)
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise damaged() from error
    scan.finish_cell()
    return Extent(
        scan.cells,
        scan.rows,
        scan.last_row,
        tuple(sorted(scan.used)),
        scan.errors,
        scan.unfinished,
        frozenset(scan.unfinished_columns),
        {column: int(style) for column, style in scan.styles.items() if style.isdecimal()},
        scan.merged,
        scan.too_many_errors,
    )


class _Scan:
    """The state of one scan; expat calls `start` for every element, which is what costs."""

    def __init__(self) -> None:
        self.parser: Any = None
        self.cells = self.rows = self.last_row = 0
        self.used: set[int] = set()
        self.unfinished = self.merged = 0
        self.unfinished_columns: set[int] = set()
        self.errors: dict[tuple[int, int], str] = {}
        self.too_many_errors = False
        self._row = self._column = 0
        self._row_counted = 0
        self.styles: dict[int, str] = {}
        self._valued = self._formula = False
        self._type = ""
        self._style = "0"
        self._text: list[str] | None = None
        self._columns: dict[str, int] = {}

    def start(self, name: str, attributes: dict[str, str]) -> None:
        if ":" in name:
            name = local_name(name)
        if name == "c":
            self.finish_cell()
            reference = attributes.get("r")
            if reference is None:
                self._column += 1
            else:
                letters = reference.rstrip("0123456789")
                column = self._columns.get(letters)
                if column is None:
                    column = self._columns[letters] = _column_number(reference)
                self._column = column
            self._type = attributes.get("t", "n")
            self._style = attributes.get("s", "0")
        elif name in ("v", "is"):
            self._valued = True
            if name == "v" and (self._type == "e" or (self._formula and self._type != "str")):
                self._text = []
                self.parser.CharacterDataHandler = self._text.append
        elif name == "f":
            self._formula = True
        elif name == "row":
            self.finish_cell()
            number = attributes.get("r")
            self._row = self._row + 1 if number is None else int(number) if number.isdecimal() else 0
            if not 0 < self._row <= MAX_ROWS:
                raise damaged()
            self._column = 0
        elif name == "mergeCell":
            self.merged += 1

    def finish_cell(self) -> None:
        """Count the cell that was open; whether it has a value is known only when the next begins."""
        if self._text is not None:
            self._take_text("".join(self._text))
        if self._valued:
            self.cells += 1
            if self.cells > MAX_CELLS or self._column > MAX_COLUMNS:
                raise _too_large()
            if self._row != self._row_counted:
                self._row_counted = self._row
                self.rows += 1
                self.last_row = max(self.last_row, self._row)
            self.used.add(self._column)
            if self._type == "n" and self.styles.setdefault(self._column, self._style) != self._style:
                self.styles[self._column] = _MIXED
        elif self._formula:
            self.unfinished += 1
            self.unfinished_columns.add(self._column)
        self._valued = self._formula = False

    def _take_text(self, text: str) -> None:
        self._text = None
        self.parser.CharacterDataHandler = None
        if self._type != "e":
            # Programs that do not calculate write an empty value; a formula may be an empty text, though.
            self._valued = text != ""
        elif len(self.errors) < _MOST_ERRORS:
            self.errors[self._row, self._column] = text
        else:
            self.too_many_errors = True


def _column_number(reference: str) -> int:
    found = _REFERENCE.fullmatch(reference)
    if found is None:
        raise damaged()
    number = 0
    for letter in found[1]:
        number = number * 26 + ord(letter) - 64
    return number


def _too_large() -> CleaningError:
    return CleaningError(
        "The sheet is larger than a workbook can be.",
        f"It has more than {MAX_CELLS:,} filled cells or {MAX_COLUMNS:,} columns. "
        "Save the table as CSV and upload that.",
        type="too-large",
    )
