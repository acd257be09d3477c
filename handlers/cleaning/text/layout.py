"""Where the table of a text begins: what stands above its header, its columns, and what is no table."""

import re

import msgspec

from handlers.cleaning.failures import CleaningError
from handlers.cleaning.options import CleaningOptions, HeaderChoice, read_delimiter
from handlers.cleaning.rules import count_columns, find_header
from handlers.cleaning.table import Reject
from handlers.cleaning.text.dialect import find_reading, read_as
from handlers.cleaning.text.splitting import NO_DELIMITER, Dialect
from handlers.cleaning.text.uniformity import Reading, Sample

MOST_COLUMNS = 100_000
# Rows that lack cells at the end are filled up, unless that made far more cells than the file holds.
_MOST_FILLED_UP = 10
_FEW_COLUMNS = 100
_DOCUMENTS = (
    (re.compile(r"<!doctype html|<html", re.IGNORECASE), "a web page"),
    (re.compile(r"<\?xml", re.IGNORECASE), "an XML document"),
    (re.compile(r"%pdf-", re.IGNORECASE), "a PDF document"),
    (re.compile(r"\{\\rtf"), "a text document"),
    # A name in quotes and a colon: no cleaned table has text after a closing quote.
    (re.compile(r'[\[{][\s\[{]*"[^"]*"[ \t]*:'), "a JSON document"),
)


class Layout(msgspec.Struct, frozen=True):
    """A dialect and where the table starts.

    Attributes:
        dialect: how lines are read.
        delimiter: as in `Reading`.
        lines_above: lines above the header row, or above the first row where there is none.
        above: the rows among these lines.
        header: the cells of the header row as they are, as many as there are columns; empty ones without it.
        header_lines: how many lines the header row takes, 0 where the table has none.
        short_width: cells of most rows where the header names more columns than they have, else 0.
        warnings: what the sender should know about how it is read.
    """

    dialect: Dialect
    delimiter: str
    lines_above: int
    above: tuple[Reject, ...]
    header: tuple[str, ...]
    header_lines: int
    short_width: int = 0
    warnings: tuple[str, ...] = ()


def find_layout(text: str, *, complete: bool, options: CleaningOptions) -> Layout:
    """Say how a table is laid out.

    Args:
        text: its start.
        complete: whether that is all of it.
        options: the sender's word on delimiter, quotes and header.

    Raises:
        CleaningError: the text is no table, or has too many columns.
    """
    if not complete and (end := max(text.rfind("\n"), text.rfind("\r"))) > 0:
        text = text[: end + 1]
    declared, text = _take_declaration(text)
    sample = Sample(text, complete, options.quote, options.escape)
    if options.delimiter != "auto":
        reading = read_as(sample, read_delimiter(options.delimiter) or NO_DELIMITER, is_given=True)
    elif declared:
        reading = read_as(sample, declared, is_given=True)
    else:
        reading = find_reading(sample)
    if not reading.rows:
        raise CleaningError(
            "The file has no rows.",
            "It holds only blank lines. Check that the right file was chosen.",
            type="empty-file",
        )
    _refuse_documents(text)
    return _lay_out(reading, 1 if declared else 0, options.first_row_is_header)


def _take_declaration(sample: str) -> tuple[str, str]:
    """Excel writes and understands a first line `sep=;`."""
    found = re.match(r"sep=([,;\t|])[ \t]*(\r\n|\r|\n)", sample, re.IGNORECASE)
    return (found[1], sample[found.end() :]) if found else ("", sample)


def _lay_out(reading: Reading, declared: int, has_header: HeaderChoice) -> Layout:
    # What will be set aside says nothing about the header.
    records = [row for row in reading.rows if row.kind != "stray"] or reading.rows
    rows = [row.cells for row in records]
    found = find_header(rows, width=reading.width, choice=has_header)
    record = records[found.above]
    width = reading.width
    if found.named:
        width = count_columns(record.cells, rows[found.above + 1 :], width)
    if width > MOST_COLUMNS:
        raise CleaningError(
            f"The table has {width:,} columns, and at most {MOST_COLUMNS:,} are read.",
            "Check the delimiter, or split the table into several files.",
            type="too-large",
        )
    header = (*record.cells[:width], *[""] * (width - len(record.cells))) if found.named else ("",) * width
    fills_up = 1 < reading.width < width and (
        width <= _FEW_COLUMNS or width <= _MOST_FILLED_UP * reading.width
    )
    above = [row for row in reading.records if row.start < record.start and any(map(str.strip, row.cells))]
    return Layout(
        reading.dialect,
        reading.delimiter,
        declared + record.start,
        tuple(
            Reject(declared + row.start + 1, "stands above the header row", tuple(row.cells)) for row in above
        ),
        header,
        record.end - record.start if found.named else 0,
        short_width=reading.width if fills_up else 0,
        warnings=(*reading.warnings, *found.warnings),
    )


def _refuse_documents(sample: str) -> None:
    # Behind quotes and marks too: a refused file must not pass once and be refused when it is cleaned.
    start = re.sub(r"^[^\w<{\[%]+", "", sample[:2000])
    for pattern, kind in _DOCUMENTS:
        if pattern.match(start):
            raise CleaningError(
                f"This is {kind}, not a table.",
                "Export the table itself as CSV or XLSX and upload that.",
                type="not-a-table",
            )
