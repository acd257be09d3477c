"""A sheet of an XLSX workbook as a source of batches: which sheet, where its table begins, and its rows."""

from collections.abc import Callable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from handlers.cleaning.failures import CleaningError
from handlers.cleaning.options import CleaningOptions, HeaderChoice
from handlers.cleaning.report import list_names
from handlers.cleaning.rules import find_header
from handlers.cleaning.table import Batch, Description, Reject
from handlers.cleaning.workbook.archive import MAX_SHARED_BYTES, Archive
from handlers.cleaning.workbook.cells import convert
from handlers.cleaning.workbook.rows import SheetRows
from handlers.cleaning.workbook.scan import Extent, scan_sheet
from handlers.cleaning.workbook.sheets import Sheet, list_sheets
from handlers.cleaning.workbook.styles import list_decimals

_BATCH_CELLS = 20_000
_HEADER_ROWS = 500
_HEADER_CELLS = 100_000
# A sheet is read as a rectangle, of which at least every fiftieth cell must be there once it is a large one.
_MAX_CELLS_FOR_ONE = 50
_FREE_CELLS = 1_000_000

Advance = Callable[[int, int], None]


class WorkbookTable:
    """A sheet of a workbook as a source of batches.

    Args:
        directory: where a copy may be written that libraries can read.
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
        self,
        path: Path,
        options: CleaningOptions,
        *,
        directory: Path,
        scanned: Advance,
        reading: Callable[[], None],
    ) -> None:
        archive = Archive(path)
        if archive.has_foreign_names:
            path = directory / "usual-names.xlsx"
            archive.write_with_usual_names(path)
            archive = Archive(path)
        self._archive = archive
        self._sheets = sheets = list_sheets(archive)
        self._verify_shared_parts()
        self.sheet, self.extent = self._choose(sheets, options.sheet, scanned)
        reading()
        self.total = self.extent.last_row
        self._rows = SheetRows(path, self.sheet.name, self.extent, part_bytes=archive.size(self.sheet.part))
        self.width = len(self._rows.columns)
        self._decimals = self._find_decimals()
        self._above: tuple[Reject, ...] = ()
        self.header: Sequence[str] = ()
        header_row, warnings = self._find_header(options.first_row_is_header)
        self.description = Description(
            format="xlsx",
            header_row=header_row,
            sheet=self.sheet.name,
            unknown=frozenset(
                index
                for index, column in enumerate(self._rows.columns)
                if column in self.extent.unfinished_columns
            ),
            warnings=(*_warnings(self.sheet, self.extent, sheets), *warnings),
        )

    def batches(self) -> Iterator[Batch]:
        """Yield the rows below the header."""
        if self._above:
            yield Batch([[] for _ in range(self.width)], (), rejects=self._above)
        size = max(1, _BATCH_CELLS // self.width)
        rows = ((number, row) for number, row in self._rows if number >= self._body_from)
        expected = self._body_from
        while chunk := list(islice(rows, size)):
            numbers = [number for number, _ in chunk]
            blank = numbers[-1] - expected + 1 - len(numbers)
            expected = numbers[-1] + 1
            read = list(map(convert, zip(*(row for _, row in chunk), strict=True), self._decimals))
            columns, natives = [texts for texts, _ in read], [native for _, native in read]
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
        scanned_parts: set[str] = set()
        for sheet in candidates:
            # Thousands of sheets may name the same part.
            if sheet.part in scanned_parts:
                continue
            scanned_parts.add(sheet.part)
            size = self._archive.size(sheet.part)

            def advance(done: int, size: int = size) -> None:
                scanned(done, size)

            extent = scan_sheet(self._archive, sheet, advance=advance)
            if extent.cells:
                _check_area(extent)
                return sheet, extent
        where = f"The sheet “{candidates[0].name}” is" if len(candidates) == 1 else "All visible sheets are"
        raise _empty(where, sheets)

    def _find_decimals(self) -> list[int]:
        """Return for each column how many decimals the format of all its numbers shows, else 0."""
        by_style = dict(enumerate(list_decimals(self._archive)))
        return [by_style.get(self.extent.styles.get(column, -1), 0) for column in self._rows.columns]

    def _find_header(self, choice: HeaderChoice) -> tuple[int, tuple[str, ...]]:
        """Find the header, what stands above it and where the rows begin; return its row, 0 without one."""
        texts = ((number, convert(row)[0]) for number, row in self._rows)
        filled = ((number, cells) for number, cells in texts if any(map(str.strip, cells)))
        first = list(islice(filled, max(2, min(_HEADER_ROWS, _HEADER_CELLS // self.width))))
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
    most = _FREE_CELLS + _MAX_CELLS_FOR_ONE * extent.cells
    if extent.rows * len(extent.columns) > most:
        raise CleaningError(
            "The sheet is spread too far to be read as a table.",
            f"Its {extent.rows:,} rows and {len(extent.columns):,} columns make over {most:,} cells, and "
            f"only {extent.cells:,} are filled. Delete those that do not belong to the table, and upload it "
            "again.",
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
