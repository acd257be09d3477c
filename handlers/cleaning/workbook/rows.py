"""The rows of a sheet, read by the library that suits it.

calamine is eight times as fast as openpyxl but holds the rectangle around all filled cells in memory. It
reads what is dense and not too large; openpyxl streams the rest.
"""

import warnings
import zipfile
import zlib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, BinaryIO

from handlers.cleaning.workbook.archive import damaged
from handlers.cleaning.workbook.scan import Extent

MAX_DENSE_CELLS = 6_000_000
_MAX_DENSE_BYTES = 600 << 20
_MAX_CELLS_FOR_ONE = 20
_FREE_CELLS = 100_000

# What openpyxl lets through of a damaged file, whose retry would end alike.
_DAMAGES = (
    *(ValueError, TypeError, KeyError, IndexError, AttributeError, SyntaxError, OSError),
    *(zipfile.BadZipFile, zlib.error),
)

Row = tuple[int, Sequence[Any]]


class SheetRows:
    """The rows of a sheet with their numbers, as often as they are asked for; missing ones are left out.

    Args:
        extent: what the sheet holds.
        part_bytes: size of the sheet's part of the archive.

    Attributes:
        columns: numbers of the columns that are read, from 1.

    Raises:
        CleaningError: the workbook is damaged.
    """

    def __init__(self, path: Path, sheet: str, extent: Extent, *, part_bytes: int) -> None:
        self._path = path
        self._sheet = sheet
        self._extent = extent
        used = extent.columns
        between = range(used[0], used[-1] + 1)
        # Where columns lie far apart, those between them hold nothing at all.
        self._is_whole = len(between) <= 2 * len(used) + 50
        self.columns: Sequence[int] = between if self._is_whole else used
        self._loaded = self._load() if self._is_dense(len(between), part_bytes) else None

    def __iter__(self) -> Iterator[Row]:
        return self._stream() if self._loaded is None else self._read(self._loaded)

    def _is_dense(self, width: int, part_bytes: int) -> bool:
        area = self._extent.last_row * width
        if self._extent.too_many_errors or part_bytes > _MAX_DENSE_BYTES:
            return False
        return area <= MAX_DENSE_CELLS and area <= _MAX_CELLS_FOR_ONE * self._extent.cells + _FREE_CELLS

    def _load(self) -> Any:
        import python_calamine

        try:
            workbook = python_calamine.CalamineWorkbook.from_path(str(self._path))
            loaded = workbook.get_sheet_by_name(self._sheet)
        except (python_calamine.CalamineError, *_DAMAGES) as error:
            raise damaged() from error
        # What calamine reads as empty, such as errors, may be outermost: openpyxl tells it.
        if loaded.start is None or loaded.end is None:
            return None
        if loaded.start[1] + 1 > self.columns[0] or loaded.end[1] + 1 < self.columns[-1]:
            return None
        return loaded

    def _read(self, loaded: Any) -> Iterator[Row]:
        errors: dict[int, dict[int, str]] = {}
        for (row_number, column), text in self._extent.errors.items():
            errors.setdefault(row_number, {})[column] = text.strip()
        # Its rows begin at the first of the sheet, its columns at the first that has a cell.
        first = loaded.start[1] + 1
        places = [column - first for column in self.columns]
        number = 0
        for number, row in enumerate(loaded.iter_rows(), start=1):
            cells = row[places[0] : places[-1] + 1] if self._is_whole else [row[place] for place in places]
            if number in errors:
                self._fill_in(cells, errors[number])
            yield number, cells
        # It ends before trailing rows of nothing but errors.
        for missing in sorted(row_number for row_number in errors if row_number > number):
            cells = [""] * len(places)
            self._fill_in(cells, errors[missing])
            yield missing, cells

    def _fill_in(self, cells: list[Any], errors: dict[int, str]) -> None:
        for place, column in enumerate(self.columns):
            if column in errors:
                cells[place] = errors[column]

    def _stream(self) -> Iterator[Row]:
        first = self.columns[0]
        places = [column - first for column in self.columns]
        with self._path.open("rb") as file:
            try:
                # As an open file: by its path it would be judged by its name, and it has none.
                sheet = _open(file)[self._sheet]
                # The stated extent may be a lie; rows come as wide as they are.
                sheet.reset_dimensions()
                for number, row in enumerate(sheet.iter_rows(min_col=first, values_only=True), start=1):
                    if row:
                        yield number, [row[place] if place < len(row) else None for place in places]
            except _DAMAGES as error:
                raise damaged() from error


def _open(file: BinaryIO) -> Any:
    import openpyxl

    with warnings.catch_warnings():
        # It warns of styles and extensions that it leaves out, which is as it should be.
        warnings.simplefilter("ignore")
        return openpyxl.load_workbook(file, read_only=True, data_only=True)
