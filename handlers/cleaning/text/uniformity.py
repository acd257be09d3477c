"""How evenly a sample of a text is cut into rows when it is read in one dialect.

Table uniformity, of which this is a simple form, is an idea of CSVsniffer (W. García, doi 10.3233/DS-240062).
"""

import io
import re
from collections import Counter
from functools import cached_property
from itertools import islice

import msgspec

from handlers.cleaning.options import EscapeChoice, QuoteChoice
from handlers.cleaning.rules import names_columns
from handlers.cleaning.text.marking import mark
from handlers.cleaning.text.separators import list_lines
from handlers.cleaning.text.splitting import Dialect, Record, split

SAMPLE_RECORDS = 500
# A delimiter that the first row lacks is rarely the right one: names are cut like what they name.
_WITHOUT_HEADER = 0.3
# How much of a row is lost where a quote is out of place.
_COST_OF_ODD = 0.2
_COMMENT = re.compile(r"\s*#+[#!\s]")
_DATUM = re.compile(
    r"[+\-]?[\d.,' ]*\d%?|\d{1,4}[-/.]\d{1,2}[-/.]\d{1,4}([ T][\d:.]+)?|[\w.+-]+@[\w.-]+|[^\W\d_]+|"
)


class Sample(msgspec.Struct, frozen=True, dict=True):
    """The start of a text, and what its sender says of it.

    Attributes:
        complete: whether it is the whole text.
        quote, escape: the sender's choices.
    """

    text: str
    complete: bool
    quote: QuoteChoice = "auto"
    escape: EscapeChoice = "auto"

    @cached_property
    def lines(self) -> list[str]:
        """Its first lines that are neither blank nor comments."""
        return list_lines(self.text)


class Reading(msgspec.Struct, frozen=True):
    """What a sample is when it is read in one way.

    Attributes:
        records: all that were read.
        rows: those that are not blank, without comments above the table.
        width: how many cells most of them have.
        score: how good the way is, 0 for not at all.
        is_even: whether every record has that many cells.
        delimiter: what parts the columns for people: a comma where nothing parts anything.
        warnings: what the sender should know about it.
    """

    dialect: Dialect
    records: list[Record]
    rows: list[Record]
    width: int = 1
    score: float = 0.0
    is_even: bool = False
    delimiter: str = ""
    warnings: tuple[str, ...] = ()


def rate(sample: Sample, dialect: Dialect, *, is_given: bool = False) -> Reading:
    """Read a sample in a dialect and say how good that is."""
    text = mark(sample.text, dialect)
    dialect, records = _read(sample, text, dialect)
    quote = dialect.quote
    rows = _without_comments([record for record in records if any(map(str.strip, record.cells))])
    # A line that cannot be read says nothing about the table.
    widths = Counter(len(row.cells) if row.kind in ("row", "odd") else 1 for row in rows)
    alone = widths.pop(1, 0) - sum(len(row.cells) == 1 and row.cells[0].startswith("#") for row in rows)
    # The widest of the common widths: a title or a footer is short, a broken row is rare.
    width = max(widths, key=lambda each: (widths[each], each), default=1)
    if width == 1 or (widths[width] < alone and not is_given):
        return Reading(dialect, records, rows, delimiter=dialect.name)
    odd = sum(row.kind == "odd" for row in rows)
    share = (widths[width] - _COST_OF_ODD * odd) / len(rows)
    # A wrong delimiter can make quotes meet over line ends; the right one rarely needs several lines.
    compactness = len(rows) / sum(row.end - row.start for row in rows)
    cells = [cell.strip() for row in rows if len(row.cells) == width for cell in row.cells][:2000]
    data = sum(_DATUM.fullmatch(cell) is not None for cell in cells) / len(cells)
    # Where quotes stand inside cells that are not quoted, these may have been cut in the wrong place.
    lines = _lines(text, dialect)
    cut = sum(_has_loose_quotes(row, lines, quote) for row in rows) / len(rows)
    cut = max(cut, count_dangling(rows) / len(rows))
    score = share * share * compactness * (0.5 + data) * (1 - cut) + min(width, 30) / 1000
    is_even = widths[width] == len(rows)
    reading = Reading(dialect, records, rows, width, score, is_even=is_even, delimiter=dialect.name)
    if len(rows[0].cells) == 1 and not is_titled(reading):
        return msgspec.structs.replace(reading, score=score * _WITHOUT_HEADER)
    return reading


def _read(sample: Sample, text: str, dialect: Dialect) -> tuple[Dialect, list[Record]]:
    """Return the first records of a marked sample, and the dialect with what the sample shows of it."""
    escaping = msgspec.structs.replace(dialect, escapes_quotes=True)
    if sample.escape == "backslash":
        return escaping, _records(text, escaping, sample.complete)
    records = _records(text, dialect, sample.complete)
    if sample.escape == "auto" and f"\\{dialect.quote}" in text:
        # A well-formed file has no odd record, so that a cell that ends in a backslash changes nothing.
        escaped = _records(text, escaping, sample.complete)
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


def count_dangling(rows: list[Record]) -> int:
    """Count rows in which a text in single quotes is cut in two: `'a`, `b'`."""
    return sum(
        any(map(_dangles, map(str.strip, row.cells)))
        for row in rows
        if any("'" in cell for cell in row.cells)
    )


def _dangles(cell: str) -> bool:
    # An apostrophe before what would be a formula is one that makes it safe.
    return len(cell) > 1 and (cell[0] == "'" and cell[1] not in "=+-@") != (cell[-1] == "'")


def _lines(text: str, dialect: Dialect) -> list[str]:
    if dialect.escapes_quotes:
        text = text.replace("\\" + dialect.quote, dialect.quote * 2)
    return list(io.StringIO(text, newline=""))


def _records(text: str, dialect: Dialect, complete: bool) -> list[Record]:
    lines = _lines(text, dialect)
    most_open = 0 if complete else len(text) + 1

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


def is_titled(reading: Reading) -> bool:
    """Whether first rows of one cell are titles: parted from the table, or above a header beyond doubt."""
    rows = reading.rows
    titles = next((index for index, row in enumerate(rows) if len(row.cells) > 1), 0)
    if titles == 0:
        return False
    if rows[titles].start > rows[titles - 1].end:
        return True
    return names_columns([row.cells for row in rows[titles:]], width=reading.width)
