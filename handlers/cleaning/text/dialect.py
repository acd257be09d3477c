"""How a text table is laid out: its delimiter, its quoting, and where its header row is.

Every plausible delimiter is tried on a sample. A delimiter is right when it cuts most records into the same
number of cells, more than one, and the header with them; how much the cells look like data settles what is
left. The idea, table uniformity, is that of CSVsniffer (W. García, doi 10.3233/DS-240062), much simplified.
"""

import io
import re
from collections import Counter
from collections.abc import Sequence
from itertools import islice

import msgspec

from handlers.cleaning.failures import CleaningError
from handlers.cleaning.options import DELIMITERS, HeaderChoice, name_delimiter
from handlers.cleaning.rules import find_header, names_columns
from handlers.cleaning.table import Reject
from handlers.cleaning.text.splitting import NO_DELIMITER, Dialect, Record, split
from handlers.cleaning.values import kind_of, read_moment, tidy_name

MOST_COLUMNS = 100_000
SAMPLE_RECORDS = 500
# A delimiter that the first row lacks is rarely the right one: names are cut like what they name.
_WITHOUT_HEADER = 0.3
# Rows that lack cells at the end are filled up, unless that made far more cells than the file holds.
_MOST_FILLED_UP = 10
_FEW_COLUMNS = 100
_COMMENT = re.compile(r"\s*#+[#!\s]")
_SPACED = (
    "The cells were taken to be separated by spaces. If they are not, choose the delimiter with the option "
    "“delimiter”."
)
_ONE_COLUMN = (
    "The file was read as one column, since its first row has no {delimiter}, though most rows have. If that "
    "row is a title above a table, choose the delimiter with the option “delimiter”."
)
_SINGLE_QUOTES = "Cells in single quotes were taken for quoted ones, since so every row has as many cells."
_GROUPED = re.compile(r"[+\-]?\d{1,3}( \d{3})+([.,]\d+)?")
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


class Layout(msgspec.Struct, frozen=True):
    """A dialect and where the table starts.

    Attributes:
        dialect: how lines are read.
        declared: 1 where the first line is a `sep=;` line, else 0.
        lines_above: lines above the header row, or above the first row where there is none.
        above: the rows among these lines.
        header: the cells of the header row as they are, as many as there are columns; empty ones without it.
        header_lines: how many lines the header row takes, 0 where the table has none.
        short_width: cells of most rows where the header names more columns than they have, else 0.
        warnings: what the sender should know about how it is read.
    """

    dialect: Dialect
    declared: int
    lines_above: int
    above: tuple[Reject, ...]
    header: tuple[str, ...]
    header_lines: int
    short_width: int = 0
    warnings: tuple[str, ...] = ()


def find_layout(
    sample: str, *, complete: bool, delimiter: str = "auto", has_header: HeaderChoice = "auto"
) -> Layout:
    """Say how a table is laid out.

    Args:
        sample: the start of the text.
        complete: whether the sample is the whole text.
        delimiter: the sender's choice, by name.
        has_header: whether the first row of the table names its columns.

    Raises:
        CleaningError: the text is no table, or has too many columns.
    """
    if not complete and (end := max(sample.rfind("\n"), sample.rfind("\r"))) > 0:
        sample = sample[: end + 1]
    declared, sample = _take_declaration(sample)
    if delimiter != "auto":
        reading = _read_as(sample, DELIMITERS[delimiter], complete, is_given=True)
    elif declared:
        reading = _read_as(sample, declared, complete, is_given=True)
    else:
        reading = _find_reading(sample, complete)
    if not reading.rows:
        raise CleaningError(
            "The file has no rows.",
            "It holds only blank lines. Check that the right file was chosen.",
            type="empty-file",
        )
    _refuse_documents(sample)
    return _lay_out(reading, 1 if declared else 0, has_header)


def _take_declaration(sample: str) -> tuple[str, str]:
    """Excel writes and understands a first line `sep=;`."""
    found = re.match(r"sep=([,;\t|])[ \t]*(\r\n|\r|\n)", sample, re.IGNORECASE)
    return (found[1], sample[found.end() :]) if found else ("", sample)


class _Reading(msgspec.Struct, frozen=True):
    """What a sample is when it is read in one way.

    Attributes:
        records: all that were read.
        rows: those that are not blank, without comments above the table.
        width: how many cells most of them have.
        score: how good the way is, 0 for not at all.
        is_even: whether every record has that many cells.
    """

    dialect: Dialect
    records: list[Record]
    rows: list[Record]
    width: int = 1
    score: float = 0.0
    is_even: bool = False
    warnings: tuple[str, ...] = ()


def _find_reading(sample: str, complete: bool) -> _Reading:
    """Return the best way to read a sample that says nothing about its delimiter."""
    readings = [_read_as(sample, delimiter, complete) for delimiter in ",;\t|"]
    best = max(readings, key=lambda reading: reading.score)
    if best.score <= 0:
        spaced = _read_as(sample, " ", complete)
        if _is_table_of_numbers(spaced):
            return msgspec.structs.replace(spaced, warnings=(_SPACED,))
        return _read_as(sample, NO_DELIMITER, complete)
    if _is_one_column(best):
        one = _read_as(sample, NO_DELIMITER, complete)
        missing = name_delimiter(best.dialect.delimiter)
        return msgspec.structs.replace(one, warnings=(_ONE_COLUMN.format(delimiter=missing),))
    return best


def _read_as(sample: str, delimiter: str, complete: bool, *, is_given: bool = False) -> _Reading:
    """Read a sample with a delimiter.

    Args:
        is_given: whether it is the right one for sure.
    """
    reading = _rate(sample, delimiter, '"', complete, is_given)
    start_of_cell = rf"(?:^|{re.escape(delimiter)}) *"
    if (
        reading.is_even
        or re.search(start_of_cell + '"', sample, re.MULTILINE)
        or not re.search(start_of_cell + "'", sample, re.MULTILINE)
    ):
        return reading
    single = _rate(sample, delimiter, "'", complete, is_given)
    # An apostrophe is rarely a quote: only where it makes a table of what is none without it.
    if not single.is_even or single.width < 2:
        return reading
    return msgspec.structs.replace(single, warnings=(_SINGLE_QUOTES,))


def _rate(sample: str, delimiter: str, quote: str, complete: bool, is_given: bool) -> _Reading:
    """Read a sample with a delimiter and a quote and say how good they are."""
    dialect, records = _read(sample, delimiter, quote, complete)
    rows = _without_comments([record for record in records if any(map(str.strip, record.cells))])
    # A line that cannot be read says nothing about the table.
    widths = Counter(len(row.cells) if row.kind == "row" else 1 for row in rows)
    alone = widths.pop(1, 0)
    # The widest of the common widths: a title or a footer is short, a broken row is rare.
    width = max(widths, key=lambda each: (widths[each], each), default=1)
    if width == 1 or (widths[width] < alone and not is_given):
        return _Reading(dialect, records, rows)
    share = widths[width] / len(rows)
    # A wrong delimiter can make quotes meet over line ends; the right one rarely needs several lines.
    compactness = len(rows) / sum(row.end - row.start for row in rows)
    cells = [cell.strip() for row in rows if len(row.cells) == width for cell in row.cells][:2000]
    data = sum(_DATUM.fullmatch(cell) is not None for cell in cells) / len(cells)
    # Where quotes stand inside cells that are not quoted, these may have been cut in the wrong place.
    lines = _lines(sample, dialect)
    cut = sum(_has_loose_quotes(row, lines, quote) for row in rows) / len(rows)
    score = share * share * compactness * (0.5 + data) * (1 - cut) + min(width, 30) / 1000
    if len(rows[0].cells) == 1:
        score *= _WITHOUT_HEADER
    return _Reading(dialect, records, rows, width, score, is_even=share == 1)


def _read(sample: str, delimiter: str, quote: str, complete: bool) -> tuple[Dialect, list[Record]]:
    """Return the first records of a sample, and the dialect with what the sample shows of it."""
    first_line = sample.lstrip().partition("\n")[0]
    dialect = Dialect(
        delimiter,
        quote,
        skips_spaces=delimiter == " " or f"{delimiter} {quote}" in sample,
        is_spaced=f"{delimiter} " in first_line,
    )
    records = _records(sample, dialect, complete)
    if f"\\{quote}" in sample:
        # A well-formed file has no odd record, so that a cell that ends in a backslash changes nothing.
        escaping = msgspec.structs.replace(dialect, escapes_quotes=True)
        escaped = _records(sample, escaping, complete)
        if _count_odd(escaped) < _count_odd(records):
            return escaping, escaped
    return dialect, records


def _count_odd(records: list[Record]) -> int:
    return sum(record.kind != "row" for record in records)


def _has_loose_quotes(record: Record, lines: list[str], quote: str) -> bool:
    return any(
        quote + cell.replace(quote, quote * 2) + quote not in "".join(lines[record.start : record.end])
        for cell in record.cells
        if quote in cell
    )


def _lines(sample: str, dialect: Dialect) -> list[str]:
    if dialect.escapes_quotes:
        sample = sample.replace("\\" + dialect.quote, dialect.quote * 2)
    return list(io.StringIO(sample, newline=""))


def _records(sample: str, dialect: Dialect, complete: bool) -> list[Record]:
    lines = _lines(sample, dialect)
    most_open = 0 if complete else len(sample) + 1

    def read(width: int) -> list[Record]:
        records = split(lines, dialect, width=width, most_open=most_open)
        return [record for record in islice(records, SAMPLE_RECORDS) if record.kind != "open"]

    found = read(0)
    if sum(record.end - record.start for record in found) > len(found) or _count_odd(found):
        # Only who knows how wide rows are can tell a stray quote from a cell of many lines.
        found = read(Counter(len(record.cells) for record in found).most_common(1)[0][0])
    return found


def _without_comments(rows: list[Record]) -> list[Record]:
    """Leave out lines above the table that begin with `#`, unless one is a header: `#id,name`."""
    comments = 0
    while comments < len(rows) and rows[comments].cells[0].lstrip().startswith("#"):
        comments += 1
    widths = Counter(len(row.cells) for row in rows[comments:])
    width = max(widths, key=lambda each: (widths[each], each), default=1)
    if width == 1 or all(len(row.cells) == width for row in rows[:comments]):
        return rows
    kept = [row for row in rows[:comments] if len(row.cells) == width and not _COMMENT.match(row.cells[0])]
    if not kept and comments and len(rows[comments - 1].cells) == width:
        above, table = rows[comments - 1], [row.cells for row in rows[comments:]]
        # A comment may be cut like the table by chance, so it must name its columns as no row below does.
        if names_columns([above.cells, *table], width=width) and not names_columns(table, width=width):
            kept = [above]
    return kept + rows[comments:]


def _is_one_column(reading: _Reading) -> bool:
    """Whether the delimiters are rather part of the text of a single column: `city`, `Paris, France`."""
    rows = reading.rows
    titles = next((index for index, row in enumerate(rows) if len(row.cells) > 1), 0)
    if titles == 0 or reading.dialect.delimiter == "\t":
        return False
    table = [row.cells for row in rows[titles:]]
    # A blank line parts a title from its table, and so does a header beyond doubt.
    if rows[titles].start > rows[titles - 1].end or names_columns(table, width=reading.width):
        return False
    is_prose = all(cell.startswith(" ") for cells in table for cell in cells[1:])
    return reading.width == 2 or is_prose


def _is_table_of_numbers(reading: _Reading) -> bool:
    """Whether spaces part columns: names over numbers everywhere, that are no numbers or dates together."""
    table = [row.cells for row in reading.rows]
    if not reading.is_even or len(table) < 3 or any(kind_of(tidy_name(name)) != "text" for name in table[0]):
        return False
    if any(kind_of(cell) not in ("number", "date") for cells in table[1:] for cell in cells):
        return False
    lines = [" ".join(cells) for cells in table[1:]]
    return not all(map(read_moment, lines)) and not all(map(_GROUPED.fullmatch, lines))


def _lay_out(reading: _Reading, declared: int, has_header: HeaderChoice) -> Layout:
    # What will be set aside says nothing about the header.
    records = [row for row in reading.rows if row.kind != "stray"] or reading.rows
    rows = [row.cells for row in records]
    found = find_header(rows, width=reading.width, choice=has_header)
    record = records[found.above]
    width = reading.width
    if found.named:
        width = _count_columns(record.cells, rows[found.above + 1 :], width)
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
        declared,
        declared + record.start,
        tuple(
            Reject(declared + row.start + 1, "stands above the header row", tuple(row.cells)) for row in above
        ),
        header,
        record.end - record.start if found.named else 0,
        short_width=reading.width if fills_up else 0,
        warnings=(*reading.warnings, *found.warnings),
    )


def _count_columns(names: Sequence[str], rows: Sequence[Sequence[str]], width: int) -> int:
    """Say how many columns a table has: without the empty cells that some programs add to every row."""
    named = len(names)
    while named > width and not names[named - 1].strip():
        named -= 1
    if named >= width:
        return named
    usual = [cells for cells in rows if len(cells) == width]
    while named < width and not any(cells[width - 1].strip() for cells in usual):
        width -= 1
    return width


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
