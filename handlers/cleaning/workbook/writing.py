"""Writes the cleaned table as an XLSX workbook, row by row, the same bytes every time."""

import datetime
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice, repeat
from pathlib import Path
from typing import Any

from handlers.cleaning.failures import CleaningError
from handlers.cleaning.rules import ColumnPlan
from handlers.cleaning.table import Written
from handlers.cleaning.workbook.scan import MAX_COLUMNS, MAX_ROWS

ROWS_A_SHEET = MAX_ROWS - 1
_CREATED = "2000-01-01T00:00:00Z"
_CORE = (
    '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
    '<cp:coreProperties xmlns:cp="http://schemas.openxmlformats.org/package/2006/metadata/core-properties" '
    'xmlns:dc="http://purl.org/dc/elements/1.1/" xmlns:dcterms="http://purl.org/dc/terms/" '
    'xmlns:dcmitype="http://purl.org/dc/dcmitype/" xmlns:xsi="http://www.w3.org/2001/XMLSchema-instance">'
    f'<dcterms:created xsi:type="dcterms:W3CDTF">{_CREATED}</dcterms:created>'
    f'<dcterms:modified xsi:type="dcterms:W3CDTF">{_CREATED}</dcterms:modified></cp:coreProperties>'
)


def write_workbook(
    path: Path,
    header: Sequence[str],
    plans: Sequence[ColumnPlan],
    batches: Iterable[Written],
    *,
    most_rows: int,
    sheet_name: str = "Cleaned",
) -> int:
    """Write a table and return the number of sheets it takes.

    Args:
        header: names of the columns; no two are alike.
        plans: what each column holds, by which its cells are written as numbers, dates or text.
        most_rows: how many rows there may be; each sheet takes 1,048,575 and the header.

    Raises:
        CleaningError: it has more columns than a sheet.
    """
    import rustpy_xlsxwriter

    if len(header) > MAX_COLUMNS:
        raise CleaningError(
            f"The table has {len(header):,} columns, an Excel sheet holds {MAX_COLUMNS:,}.",
            "Choose CSV as the output format.",
            type="too-large",
        )
    formats = {}
    for name, plan in zip(header, plans, strict=True):
        if plan.kind == "date":
            pattern = "yyyy-mm-dd hh:mm:ss" if plan.with_time else "yyyy-mm-dd"
            formats[name] = rustpy_xlsxwriter.Format().set_num_format(pattern)
        elif plan.kind == "number" and plan.decimals:
            formats[name] = rustpy_xlsxwriter.Format().set_num_format("0." + "0" * plan.decimals)
    rows = _records(header, plans, batches)
    sheets = max(1, -(-most_rows // ROWS_A_SHEET))
    first = next(rows, None)
    if first is None:
        # The library takes the header from the first row, and there is none.
        first = dict.fromkeys(header)
    options: dict[str, Any] = {"column_formats": formats} if formats else {}
    if sheets == 1:
        rustpy_xlsxwriter.write_worksheet(_chain(first, rows), str(path), sheet_name=sheet_name, **options)
    else:
        parts: list[tuple[str, Any]] = [
            (
                sheet_name if number == 0 else f"{sheet_name} {number + 1}",
                _chain(first, islice(rows, ROWS_A_SHEET - 1)) if number == 0 else islice(rows, ROWS_A_SHEET),
            )
            for number in range(sheets)
        ]
        rustpy_xlsxwriter.write_worksheets(parts, str(path), **options)
    _set_creation_date(path)
    return sheets


def _chain(first: dict[str, Any], rest: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
    yield first
    yield from rest


def _records(
    header: Sequence[str], plans: Sequence[ColumnPlan], batches: Iterable[Written]
) -> Iterator[dict[str, Any]]:
    converters = [_converter(plan) for plan in plans]
    for batch in batches:
        natives: Iterable[Any] = batch.natives or repeat(None)
        columns = [
            convert(cells, native)
            for convert, cells, native in zip(converters, batch.columns, natives, strict=False)
        ]
        for row in zip(*columns, strict=True):
            yield dict(zip(header, row, strict=True))


def _converter(plan: ColumnPlan) -> Callable[[list[str], Any], list[Any]]:
    """Return what makes a column's texts into values of one type, as the library wants them.

    It takes a column's type from the first rows: a time of day is lost in a column that began with dates,
    and a number after a date becomes one. So dates are all of one type, and only in columns of dates.
    """
    if plan.kind == "number":
        return lambda cells, native: [
            (float(cell) if cell else None) if value is None else value
            for cell, value in zip(cells, native or repeat(None), strict=False)
        ]
    if plan.kind == "date":
        parse = datetime.datetime.fromisoformat if plan.with_time else datetime.date.fromisoformat
        return lambda cells, native: [parse(cell) if cell else None for cell in cells]
    return lambda cells, native: (
        [cell or None for cell in cells]
        if native is None
        else [(cell or None) if value is None else value for cell, value in zip(cells, native, strict=True)]
    )


def _set_creation_date(path: Path) -> None:
    """Replace the properties, which hold the time of writing, so that equal tables are equal files.

    They are the last parts of the archive: it is cut off before them and they are written again.
    """
    with zipfile.ZipFile(path, "a", zipfile.ZIP_DEFLATED) as archive:
        entries = archive.infolist()
        position = next(i for i, entry in enumerate(entries) if entry.filename == "docProps/core.xml")
        tail = entries[position:]
        contents = {
            entry.filename: _CORE.encode() if entry.filename == "docProps/core.xml" else archive.read(entry)
            for entry in tail
        }
        for entry in tail:
            archive.filelist.remove(entry)
            del archive.NameToInfo[entry.filename]
        archive.start_dir = tail[0].header_offset
        for name, content in contents.items():
            archive.writestr(zipfile.ZipInfo(name), content, zipfile.ZIP_DEFLATED)
