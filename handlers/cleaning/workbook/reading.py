"""Reads a sheet of an XLSX workbook as batches of rows.

calamine is eight times as fast as openpyxl but holds the rectangle around all filled cells in memory. It
reads what is dense and not too large; openpyxl streams the rest.
"""

import datetime
import warnings
import zipfile
import zlib
from collections.abc import Callable, Iterator, Sequence
from decimal import Decimal
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from handlers.cleaning.failures import CleaningError
from handlers.cleaning.options import CleaningOptions, HeaderChoice
from handlers.cleaning.report import list_names
from handlers.cleaning.rules import find_header
from handlers.cleaning.table import Batch, Description, Native, Reject
from handlers.cleaning.workbook.archive import MAX_SHARED_BYTES, Archive, damaged
from handlers.cleaning.workbook.scan import Extent, Sheet, list_sheets, scan_sheet

MAX_DENSE_CELLS = 6_000_000
_MAX_DENSE_BYTES = 600 << 20
_MAX_AREA = 400_000_000
_BATCH_CELLS = 20_000
_HEADER_ROWS = 50

# What openpyxl lets through of a damaged file, whose retry would end alike.
_DAMAGES = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, SyntaxError, OSError),
    *(zipfile.BadZipFile, zlib.error),
)

Advance = Callable[[int, int], None]


class WorkbookTable:
    """A sheet of a workbook as a source of batches.

    Args:
        scanned: called with bytes done and in all while the sheet is looked at.
        reading: called when the sheet is about to be loaded.

    Attributes:
        sheet, extent: the sheet that is read, and what it holds.
        description, header, total, unit: as in `Source`.

    Raises:
        CleaningError: it is no workbook, it is not safe to read, or the sheet is not there or empty.
    """

    unit = "rows"

    def __init__(
        self, path: Path, options: CleaningOptions, *, scanned: Advance, reading: Callable[[], None]
    ) -> None:
        self._path = path
        archive = Archive(path)
        self._archive = archive
        self._sheets = sheets = list_sheets(archive)
        self._verify_shared_parts()
        self.sheet, self.extent = self._choose(sheets, options.sheet, scanned)
        reading()
        self.total = self.extent.last_row
        self._sheet_index = [sheet.name for sheet in sheets].index(self.sheet.name)
        self._first_column = 1
        self._loaded = self._load() if self._is_dense() else None
        self.width = self.extent.last_column - self._first_column + 1
        self._above: tuple[Reject, ...] = ()
        self.header: Sequence[str] = ()
        header_row, warnings = self._find_header(options.first_row_is_header)
        self.description = Description(
            format="xlsx",
            header_row=header_row,
            sheet=self.sheet.name,
            warnings=(*_warnings(self.sheet, self.extent, sheets), *warnings),
        )

    def batches(self) -> Iterator[Batch]:
        """Yield the rows below the header."""
        if self._above:
            yield Batch([[] for _ in range(self.width)], (), rejects=self._above)
        size = max(1, _BATCH_CELLS // self.width)
        rows = ((number, row) for number, row in self._rows() if number >= self._body_from)
        expected = self._body_from
        while chunk := list(islice(rows, size)):
            numbers = [number for number, _ in chunk]
            blank = numbers[-1] - expected + 1 - len(numbers)
            expected = numbers[-1] + 1
            columns = []
            natives: list[list[Native | None] | None] = []
            for cells in zip(*(row for _, row in chunk), strict=True):
                texts, native = _convert(cells)
                columns.append(texts)
                natives.append(native)
            yield Batch(columns, numbers, natives, blank=blank, done=numbers[-1], may_be_untidy=True)

    def _verify_shared_parts(self) -> None:
        """Unpack once what every library reads on opening, so that none meets a lie about a size."""
        total = 0
        for name in self._archive.names():
            if name.startswith(("xl/worksheets/", "xl/media/", "xl/drawings/", "xl/embeddings/")):
                continue
            total += self._archive.size(name)
            if total > MAX_SHARED_BYTES:
                raise CleaningError(
                    "The workbook holds too much text to be read at once.",
                    f"Its texts and styles unpack to more than {MAX_SHARED_BYTES >> 20} MiB. "
                    "Save the sheet as CSV and upload that.",
                    type="too-large",
                )
            self._archive.verify(name)

    def _choose(self, sheets: list[Sheet], wanted: str, scanned: Advance) -> tuple[Sheet, Extent]:
        if not sheets:
            raise CleaningError(
                "The workbook has no worksheet.",
                "It may hold only charts or macros. Put the table on a worksheet and upload it again.",
                type="no-sheet",
            )
        candidates = (
            [_named(sheets, wanted)] if wanted.strip() else [s for s in sheets if s.visible] or sheets
        )
        for sheet in candidates:
            size = self._archive.size(sheet.part)

            def advance(done: int, size: int = size) -> None:
                scanned(done, size)

            extent = scan_sheet(self._archive, sheet, advance=advance)
            if extent.cells:
                _check_area(extent)
                return sheet, extent
        where = f"The sheet “{candidates[0].name}” is" if len(candidates) == 1 else "All visible sheets are"
        raise _empty(where, sheets)

    def _is_dense(self) -> bool:
        extent = self.extent
        area = extent.last_row * extent.last_column
        if extent.too_many_errors or self._archive.size(self.sheet.part) > _MAX_DENSE_BYTES:
            return False
        return area <= MAX_DENSE_CELLS and area <= 20 * extent.cells + 100_000

    def _load(self) -> Any:
        import python_calamine

        try:
            workbook = python_calamine.CalamineWorkbook.from_path(str(self._path))
            loaded = workbook.get_sheet_by_name(self.sheet.name)
        except (python_calamine.CalamineError, *_DAMAGES) as error:
            raise damaged() from error
        if loaded.start is None:
            # Only cells that calamine reads as empty, such as errors: openpyxl tells them.
            return None
        self._first_column = loaded.start[1] + 1
        if any(column < self._first_column for _, column in self.extent.errors):
            self._first_column = 1
            return None
        if loaded.end is None or loaded.end[1] + 1 < self.extent.last_column:
            self._first_column = 1
            return None
        return loaded

    def _rows(self) -> Iterator[tuple[int, Sequence[Any]]]:
        """Yield number and cells of the rows of the sheet; rows that are not there are left out."""
        return self._stream_rows() if self._loaded is None else self._loaded_rows(self._loaded)

    def _loaded_rows(self, loaded: Any) -> Iterator[tuple[int, Sequence[Any]]]:
        errors = self.extent.errors
        erroneous = {row for row, _ in errors}
        first = self._first_column
        number = 0
        # Its rows begin at the first of the sheet, its columns at the first that has a cell.
        for number, row in enumerate(loaded.iter_rows(), start=1):
            if number in erroneous:
                for column in range(len(row)):
                    if text := errors.get((number, column + first)):
                        row[column] = text.strip()
            yield number, row[: self.width]
        # It ends before trailing rows of nothing but errors.
        for missing in sorted(row for row in erroneous if row > number):
            yield (
                missing,
                [(errors.get((missing, column + first)) or "").strip() for column in range(self.width)],
            )

    def _stream_rows(self) -> Iterator[tuple[int, Sequence[Any]]]:
        width = self.width
        with self._path.open("rb") as file:
            try:
                # As an open file: by its path it would be judged by its name, and it has none.
                sheet = _open_to_stream(file)[self.sheet.name]
                # The stated extent may be a lie; rows come as wide as they are.
                sheet.reset_dimensions()
                for number, row in enumerate(sheet.iter_rows(values_only=True), start=1):
                    if row:
                        yield number, (*row[:width], *[None] * (width - len(row)))
            except _DAMAGES as error:
                raise damaged() from error

    def _find_header(self, choice: HeaderChoice) -> tuple[int, tuple[str, ...]]:
        """Find the header, what stands above it and where the rows begin; return its row, 0 without one."""
        texts = ((number, _convert(row)[0]) for number, row in self._rows())
        filled = ((number, cells) for number, cells in texts if any(map(str.strip, cells)))
        first = list(islice(filled, _HEADER_ROWS))
        if not first:
            # Cells that hold nothing but spaces.
            raise _empty(f"The sheet “{self.sheet.name}” is", self._sheets)
        found = find_header([cells for _, cells in first], width=self.width, choice=choice)
        self._above = tuple(
            Reject(number, "stands above the header row", tuple(cells))
            for number, cells in first[: found.above]
        )
        number, cells = first[found.above]
        self.header = cells if found.named else [""] * self.width
        self._body_from = number + 1 if found.named else number
        return number if found.named else 0, found.warnings


def _empty(where: str, sheets: list[Sheet]) -> CleaningError:
    return CleaningError(
        f"{where} empty.",
        f"The sheets of this workbook are {list_names(sheet.name for sheet in sheets)}. "
        "Choose the one with the table with the option “sheet”.",
        type="empty-file",
    )


def _open_to_stream(file: BinaryIO) -> Any:
    import openpyxl

    with warnings.catch_warnings():
        # It warns of styles and extensions that it leaves out, which is as it should be.
        warnings.simplefilter("ignore")
        return openpyxl.load_workbook(file, read_only=True, data_only=True)


def _named(sheets: list[Sheet], wanted: str) -> Sheet:
    wanted = wanted.strip()
    for sheet in sheets:
        if sheet.name.casefold() == wanted.casefold():
            return sheet
    if wanted.isdecimal() and 1 <= int(wanted) <= len(sheets):
        return sheets[int(wanted) - 1]
    raise CleaningError(
        f"The workbook has no sheet “{wanted}”.",
        f"Its sheets are {list_names((sheet.name for sheet in sheets), most=20)}. "
        "Give one of these names, or its number from 1.",
        type="unknown-sheet",
    )


def _check_area(extent: Extent) -> None:
    if extent.rows * extent.last_column > _MAX_AREA:
        raise CleaningError(
            "The sheet is spread too far to be read as a table.",
            f"It has {extent.rows:,} rows and its farthest cell is in column {extent.last_column:,}. "
            "Delete the cells that do not belong to the table and upload it again.",
            type="too-large",
        )


def _warnings(chosen: Sheet, extent: Extent, sheets: list[Sheet]) -> list[str]:
    found = []
    if others := [sheet.name for sheet in sheets if sheet is not chosen]:
        found.append(
            f"Only the sheet “{chosen.name}” was cleaned. Not cleaned: {list_names(others)}; "
            "choose another one with the option “sheet”."
        )
    if extent.errors:
        examples = list_names(dict.fromkeys(text.strip() for text in extent.errors.values()))
        found.append(f"{len(extent.errors)} cells hold errors such as {examples}; they were kept as text.")
    if extent.unfinished:
        found.append(
            f"{extent.unfinished} formulas have no saved value and came out empty. Open the workbook in "
            "Excel, let it calculate, save it and upload it again."
        )
    if extent.merged:
        found.append(f"{extent.merged} merged ranges: only their first cell keeps the value.")
    return found


def _convert(cells: Sequence[Any]) -> tuple[list[str], list[Native | None] | None]:
    """Return the texts of some cells, and their native values if there are any."""
    kinds = set(map(type, cells))
    if kinds <= {str}:
        return list(cells), None
    texts = []
    natives: list[Native | None] = []
    for cell in cells:
        kind = type(cell)
        if kind is str or cell is None:
            texts.append(cell or "")
            natives.append(None)
        elif kind is float or kind is int:
            texts.append(_number(cell))
            natives.append(cell)
        elif kind is bool:
            texts.append("TRUE" if cell else "FALSE")
            natives.append(cell)
        else:
            texts.append(_moment(cell))
            natives.append(None)
    return texts, natives if any(native is not None for native in natives) else None


def _number(value: float | int) -> str:
    # A spreadsheet shows 15 digits; the rest is noise of binary arithmetic, 0.1 + 0.2.
    if isinstance(value, int) or value.is_integer():
        return str(int(value)) if abs(value) < 1e15 else format(Decimal(repr(value)), "f")
    text = format(value, ".15g")
    return format(Decimal(text), "f") if "e" in text and 1e-10 < abs(value) < 1e21 else text


def _moment(value: Any) -> str:
    """Return a date, time or duration as text; times are rounded to milliseconds, as Excel shows them."""
    if isinstance(value, datetime.datetime):
        value += datetime.timedelta(microseconds=500)
        value = value.replace(microsecond=value.microsecond // 1000 * 1000, tzinfo=None)
        if value.time() == datetime.time():
            return str(value.date().isoformat())
        return _without_zeros(value.isoformat(sep=" "))
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.time):
        return _without_zeros(value.isoformat())
    if isinstance(value, datetime.timedelta):
        milliseconds = round(value.total_seconds() * 1000)
        sign, milliseconds = ("-", -milliseconds) if milliseconds < 0 else ("", milliseconds)
        seconds, part = divmod(milliseconds, 1000)
        clock = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"{clock}.{part:03}" if part else clock
    return str(value)


def _without_zeros(text: str) -> str:
    return text[:-3] if text.endswith("000") and "." in text else text
