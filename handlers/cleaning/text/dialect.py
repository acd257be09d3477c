"""How the lines of a text table are to be read: its delimiter and its quoting.

Every plausible delimiter is tried on a sample. A delimiter is right when it cuts most records into the same
number of cells, more than one, and the header with them; how much the cells look like data settles what is
left. The idea, table uniformity, is that of CSVsniffer (W. García, doi 10.3233/DS-240062), much simplified.
"""

import io
import re
from collections import Counter
from itertools import islice

import msgspec

from handlers.cleaning.options import name_delimiter
from handlers.cleaning.rules import names_columns
from handlers.cleaning.text.splitting import NO_DELIMITER, Dialect, Record, split
from handlers.cleaning.values import kind_of, read_moment, tidy_name

SAMPLE_RECORDS = 500
# A delimiter that the first row lacks is rarely the right one: names are cut like what they name.
_WITHOUT_HEADER = 0.3
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


class Reading(msgspec.Struct, frozen=True):
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


def find_reading(sample: str, complete: bool) -> Reading:
    """Return the best way to read a sample that says nothing about its delimiter."""
    readings = [read_as(sample, delimiter, complete) for delimiter in ",;\t|"]
    best = max(readings, key=lambda reading: reading.score)
    if best.score <= 0:
        spaced = read_as(sample, " ", complete)
        if _is_table_of_numbers(spaced):
            return msgspec.structs.replace(spaced, warnings=(_SPACED,))
        return read_as(sample, NO_DELIMITER, complete)
    if _is_one_column(best):
        one = read_as(sample, NO_DELIMITER, complete)
        missing = name_delimiter(best.dialect.delimiter)
        return msgspec.structs.replace(one, warnings=(_ONE_COLUMN.format(delimiter=missing),))
    return best


def read_as(sample: str, delimiter: str, complete: bool, *, is_given: bool = False) -> Reading:
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


def _rate(sample: str, delimiter: str, quote: str, complete: bool, is_given: bool) -> Reading:
    """Read a sample with a delimiter and a quote and say how good they are."""
    dialect, records = _read(sample, delimiter, quote, complete)
    rows = _without_comments([record for record in records if any(map(str.strip, record.cells))])
    # A line that cannot be read says nothing about the table.
    widths = Counter(len(row.cells) if row.kind == "row" else 1 for row in rows)
    alone = widths.pop(1, 0)
    # The widest of the common widths: a title or a footer is short, a broken row is rare.
    width = max(widths, key=lambda each: (widths[each], each), default=1)
    if width == 1 or (widths[width] < alone and not is_given):
        return Reading(dialect, records, rows)
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
    return Reading(dialect, records, rows, width, score, is_even=share == 1)


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
    raw = "".join(lines[record.start : record.end])
    position = 0
    for cell in record.cells:
        if quote in cell:
            quoted = quote + cell.replace(quote, quote * 2) + quote
            position = raw.find(quoted, position)
            if position < 0:
                return True
            position += len(quoted)
    return False


def _lines(sample: str, dialect: Dialect) -> list[str]:
    if dialect.escapes_quotes:
        sample = sample.replace("\\" + dialect.quote, dialect.quote * 2)
    return list(io.StringIO(sample, newline=""))


def _records(sample: str, dialect: Dialect, complete: bool) -> list[Record]:
    lines = _lines(sample, dialect)
    most_open = 0 if complete else len(sample) + 1

    # Comments above the table may be many, and say nothing about it.
    comments = next((index for index, line in enumerate(lines) if not line.startswith("#")), 0)

    def read(width: int) -> list[Record]:
        return list(
            islice(split(lines, dialect, width=width, most_open=most_open), comments + SAMPLE_RECORDS)
        )

    found = read(0)
    if any(record.kind != "row" or record.end - record.start > 1 for record in found):
        # Only who knows how wide rows are can tell a stray quote from a cell of many lines.
        widths = Counter(len(record.cells) for record in found if record.kind == "row")
        found = read(max(widths, key=lambda each: (widths[each], each), default=0))
    return [record for record in found if record.kind != "open"]


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


def _is_one_column(reading: Reading) -> bool:
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


def _is_table_of_numbers(reading: Reading) -> bool:
    """Whether spaces part columns: names over numbers everywhere, that are no numbers or dates together."""
    table = [row.cells for row in reading.rows]
    if not reading.is_even or len(table) < 3 or any(kind_of(tidy_name(name)) != "text" for name in table[0]):
        return False
    if any(kind_of(cell) not in ("number", "date") for cells in table[1:] for cell in cells):
        return False
    lines = [" ".join(cells) for cells in table[1:]]
    return not all(map(read_moment, lines)) and not all(map(_GROUPED.fullmatch, lines))
