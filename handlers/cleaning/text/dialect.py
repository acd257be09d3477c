"""How a text table is laid out: its delimiter, its quoting, and where its header row is.

Every plausible delimiter is tried on a sample. A delimiter is right when it cuts most records into the
same number of cells, more than one; how much the cells look like data settles what is left. The idea,
table uniformity, is that of CSVsniffer (W. García, doi 10.3233/DS-240062), much simplified.
"""

import csv
import io
import re
from collections import Counter

import msgspec

from handlers.cleaning.failures import CleaningError
from handlers.cleaning.options import DELIMITERS
from handlers.cleaning.rules import find_title_rows

SAMPLE_RECORDS = 500
# What cuts the lines of a table with one column: a character that no text has.
NO_DELIMITER = "\x1f"
_MOST_PREAMBLE_LINES = 50
_MOST_LINES_A_RECORD = 100
_DATUM = re.compile(
    r"[+\-]?[\d.,' ]*\d%?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T][\d:.]+)?|[\w.+-]+@[\w.-]+|[^\W\d_]+|"
)

_DOCUMENTS = (
    (re.compile(r"<!doctype html|<html", re.IGNORECASE), "a web page"),
    (re.compile(r"<\?xml", re.IGNORECASE), "an XML document"),
    (re.compile(r"%pdf-", re.IGNORECASE), "a PDF document"),
    (re.compile(r"\{\\rtf"), "a text document"),
    # A name in quotes and a colon: no cleaned table has text after a closing quote.
    (re.compile(r'[\[{][\s\[{]*"[^"]*"[ \t]*:'), "a JSON document"),
)


class Dialect(msgspec.Struct, frozen=True):
    """How the lines of a text table are read.

    Attributes:
        delimiter: one character.
        skips_spaces: whether spaces after a delimiter are ignored, so that `a, "b"` is quoted.
        escapes_quotes: whether a quote inside quotes is written `\\"`.
    """

    delimiter: str
    skips_spaces: bool = False
    escapes_quotes: bool = False


class Layout(msgspec.Struct, frozen=True):
    """A dialect and where the table starts.

    Attributes:
        dialect: how lines are read.
        declared: 1 where the first line is a `sep=;` line, else 0.
        preamble: lines after that which stand above the header row.
        header: the cells of the header row as they are.
        header_lines: how many lines the header row takes, 0 where the table has none.
        short_width: cells of most rows where the header names more columns than they have, else 0.
    """

    dialect: Dialect
    declared: int
    preamble: int
    header: tuple[str, ...]
    header_lines: int
    short_width: int = 0


def find_layout(sample: str, *, complete: bool, delimiter: str = "auto", has_header: bool = True) -> Layout:
    """Say how a table is laid out.

    Args:
        sample: the start of the text.
        complete: whether the sample is the whole text.
        delimiter: the sender's choice, by name.
        has_header: whether the first row of the table names its columns.

    Raises:
        CleaningError: the text is no table.
    """
    if not complete and (end := max(sample.rfind("\n"), sample.rfind("\r"))) > 0:
        sample = sample[: end + 1]
    declared, sample = _take_declaration(sample)
    if delimiter != "auto":
        choices = [DELIMITERS[delimiter]]
    elif declared:
        choices = [declared]
    else:
        choices = list(DELIMITERS.values())
    ranked = [(*_rate(sample, choice, is_given=len(choices) == 1), choice) for choice in choices]
    uniformity, width, best = max(ranked, key=lambda rated: rated[0])
    if uniformity <= 0:
        width, best = 1, NO_DELIMITER
    dialect = Dialect(best, _skips_spaces(sample, best), _escapes_quotes(sample, best))
    records = _records(sample, dialect)
    if not any(cell.strip() for record in records for cell in record.cells):
        raise CleaningError(
            "The file has no rows.",
            "It holds only blank lines. Check that the right file was chosen.",
            type="empty-file",
        )
    _refuse_documents(sample)
    preamble, record = _find_header(records, width, has_header=has_header)
    cells = record.cells
    while len(cells) > width and not cells[-1].strip():
        cells = cells[:-1]
    return Layout(
        dialect,
        1 if declared else 0,
        preamble,
        tuple(cells),
        record.lines if has_header else 0,
        short_width=width if 1 < width < len(cells) else 0,
    )


def _take_declaration(sample: str) -> tuple[str, str]:
    """Excel writes and understands a first line `sep=;`."""
    found = re.match(r"sep=([,;\t|])[ \t]*(\r\n|\r|\n)", sample, re.IGNORECASE)
    return (found[1], sample[found.end() :]) if found else ("", sample)


def _rate(sample: str, delimiter: str, *, is_given: bool) -> tuple[float, int]:
    """Return how good a delimiter is, 0 for not at all, and how many columns it makes.

    Args:
        is_given: whether it is the right one for sure.
    """
    dialect = Dialect(delimiter, _skips_spaces(sample, delimiter), _escapes_quotes(sample, delimiter))
    found = [record for record in _records(sample, dialect) if any(cell.strip() for cell in record.cells)]
    records = [record.cells for record in found]
    widths = Counter(len(cells) for cells in records)
    alone = widths.pop(1, 0)
    if not widths:
        return 0.0, 1
    # The widest of the common widths: a preamble or a footer is short, a broken row is rare.
    width = max(widths, key=lambda each: (widths[each], each))
    if widths[width] < alone and not is_given:
        return 0.0, 1
    share = widths[width] / len(records)
    # A wrong delimiter can make quotes meet over line ends; the right one rarely needs several lines.
    compactness = len(records) / sum(record.lines for record in found)
    cells = [cell.strip() for row in records if len(row) == width for cell in row][:2000]
    data = sum(_DATUM.fullmatch(cell) is not None for cell in cells) / len(cells)
    return share * share * compactness * (0.5 + data) + min(width, 30) / 1000, width


class _Record(msgspec.Struct, frozen=True):
    cells: list[str]
    lines: int
    is_broken: bool = False


def _records(sample: str, dialect: Dialect) -> list[_Record]:
    """Read the first records of a sample. A line that cannot be read is a record of one cell."""
    if dialect.escapes_quotes:
        sample = sample.replace('\\"', '""')
    lines = list(io.StringIO(sample, newline=""))
    found: list[_Record] = []
    position = 0
    while position < len(lines) and len(found) < SAMPLE_RECORDS:
        # A quote that is never closed must not take the rest of the sample with it.
        reader = csv.reader(
            lines[position : position + _MOST_LINES_A_RECORD],
            delimiter=dialect.delimiter,
            skipinitialspace=dialect.skips_spaces,
            strict=True,
        )
        try:
            record = _Record(next(reader), reader.line_num)
        except (csv.Error, StopIteration):
            record = _Record([lines[position].rstrip("\r\n")], 1, is_broken=True)
        found.append(record)
        position += record.lines
    return found


def _skips_spaces(sample: str, delimiter: str) -> bool:
    return f'{delimiter} "' in sample


def _escapes_quotes(sample: str, delimiter: str) -> bool:
    if '\\"' not in sample:
        return False
    # A well-formed file has no broken record, so that a cell that ends in a backslash changes nothing.
    skips_spaces = _skips_spaces(sample, delimiter)
    doubled = sum(record.is_broken for record in _records(sample, Dialect(delimiter, skips_spaces)))
    escaped = sum(record.is_broken for record in _records(sample, Dialect(delimiter, skips_spaces, True)))
    return escaped < doubled


def _find_header(records: list[_Record], width: int, *, has_header: bool) -> tuple[int, _Record]:
    """Return the number of lines above the header row, and the row."""
    usual = [record.cells for record in records if len(record.cells) == width]
    # Rows that end with a delimiter have an empty cell more than the header names.
    spare = 0
    while spare < width - 2 and not any(cells[width - 1 - spare].strip() for cells in usual):
        spare += 1
    fitting: list[tuple[int, _Record]] = []
    above = 0
    first: tuple[int, _Record] | None = None
    for record in records:
        if any(cell.strip() for cell in record.cells):
            first = first or (above, record)
            if len(record.cells) >= width - spare:
                fitting.append((above, record))
            # A wider row is a header with columns that the rows leave out, not a preamble.
            if above >= _MOST_PREAMBLE_LINES or (len(record.cells) > width and len(fitting) == 1):
                break
        above += record.lines
    assert first is not None
    titles = find_title_rows([record.cells for _, record in fitting]) if has_header else 0
    return fitting[titles] if fitting else first


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
