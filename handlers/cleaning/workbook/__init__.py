"""XLSX workbooks: looked into before any library does, read by whichever library suits, and written.

`WorkbookTable` is the source, `write_workbook` writes. `archive` guards against bombs, `scan` learns what a
sheet holds from a stream of XML; only then does `reading` let a library near the file.
"""

from handlers.cleaning.workbook.archive import Archive, protected
from handlers.cleaning.workbook.reading import WorkbookTable
from handlers.cleaning.workbook.scan import scan_sheet
from handlers.cleaning.workbook.sheets import list_sheets
from handlers.cleaning.workbook.writing import ROWS_A_SHEET, write_workbook

__all__ = [
    "ROWS_A_SHEET",
    "Archive",
    "WorkbookTable",
    "list_sheets",
    "protected",
    "scan_sheet",
    "write_workbook",
]
