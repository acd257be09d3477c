"""How the lines of a text table are to be read: its delimiter and its quoting.

Every plausible delimiter is tried on a sample. A delimiter is right when it cuts most records into the same
number of cells, more than one, and the header with them; how much the cells look like data settles what is
left. Unusual delimiters must be without any fault.
"""

import re
from collections.abc import Iterator

import msgspec

from handlers.cleaning.options import DELIMITERS, FIXED_WIDTH, name_delimiter
from handlers.cleaning.text.marking import MARK, find_edges
from handlers.cleaning.text.separators import USUAL, find_odd, widen
from handlers.cleaning.text.splitting import NO_DELIMITER, Dialect
from handlers.cleaning.text.uniformity import Reading, Sample, count_dangling, is_titled, rate
from handlers.cleaning.values import kind_of, read_moment, tidy_name

# How good an unusual reading must be beside a usual one.
_ODD = 0.8
_TAKEN = (
    "The delimiter was taken to be {delimiter}, since so every row has as many cells. If it is not, choose "
    "the right one with the option “delimiter”."
)
_ONE_COLUMN = (
    "The file was read as one column, since its first row has no {delimiter}, though most rows have. If that "
    "row is a title above a table, choose the delimiter with the option “delimiter”."
)
_SINGLE_QUOTES = (
    "Single quotes around cells were taken off, since whole columns have them, or since so every row has as "
    "many cells. If they belong to the text, choose the right quote with the option “quote”."
)
_DECIMAL = re.compile(r"[+\-]?(\d+,\d+|\d{1,3}(\.\d{3})+,\d+|\d{1,3}(,\d{3})+(\.\d+)?)")
_GROUPED = re.compile(r"[+\-]?\d{1,3}( \d{3})+([.,]\d+)?")
# As many rows of as many words each are no prose.
_MANY_ROWS = 50
_QUOTES = {"double": '"', "single": "'", "none": NO_DELIMITER}


def find_reading(sample: Sample) -> Reading:
    """Return the best way to read a sample that says nothing about its delimiter."""
    readings = [read_as(sample, widen(delimiter, sample.lines)) for delimiter in USUAL]
    best = max(readings, key=lambda reading: reading.score)
    if best.is_even and best.width > 1 and not count_dangling(best.rows):
        return best
    odd = max(_odd_readings(sample), key=lambda reading: reading.score, default=None)
    # Where both part every row into as many cells, the usual one is meant.
    if odd is not None and best.is_even and best.width >= odd.width > 1:
        odd = None
    if odd is not None and _ODD * odd.score > best.score:
        taken = _TAKEN.format(delimiter=_quoted(odd.dialect.name))
        return msgspec.structs.replace(odd, warnings=(*odd.warnings, taken))
    if best.score <= 0:
        commas = max(len(row.cells) for row in readings[0].rows) - 1 if readings[0].rows else 0
        one = read_as(sample, NO_DELIMITER)
        return msgspec.structs.replace(one, delimiter="" if commas else ",")
    if _is_one_column(best):
        one = read_as(sample, NO_DELIMITER)
        missing = _quoted(best.dialect.name)
        return msgspec.structs.replace(one, warnings=(_ONE_COLUMN.format(delimiter=missing),))
    return best


def read_as(sample: Sample, separator: str, *, is_given: bool = False) -> Reading:
    """Read a sample with a separator.

    Args:
        separator: one or more characters, or `FIXED_WIDTH`.
        is_given: whether it is the right one for sure.
    """
    if separator == FIXED_WIDTH:
        # Nothing is quoted where the place says where a cell ends.
        return rate(sample, Dialect(MARK, NO_DELIMITER, edges=find_edges(sample.lines)), is_given=is_given)
    if sample.quote != "auto":
        return rate(sample, _dialect(sample, separator, _QUOTES[sample.quote]), is_given=is_given)
    reading = rate(sample, _dialect(sample, separator, '"'), is_given=is_given)
    start_of_cell = rf"(?:^|{re.escape(separator)}) *"
    if re.search(start_of_cell + '"', sample.text, re.MULTILINE) or not re.search(
        start_of_cell + "'", sample.text, re.MULTILINE
    ):
        return reading
    # An apostrophe is rarely a quote: only where it makes a table of what is none without it, or where a
    # whole column is in single quotes.
    if reading.is_even and not _has_single_quotes(reading):
        return reading
    single = rate(sample, _dialect(sample, separator, "'"), is_given=is_given)
    if single.width < 2 or not (
        single.is_even or (single.score > reading.score and _has_single_quotes(reading))
    ):
        return reading
    return msgspec.structs.replace(single, warnings=(_SINGLE_QUOTES,))


def _odd_readings(sample: Sample) -> Iterator[Reading]:
    """Yield the ways to read a sample that are rare and so must be without any fault."""
    for separator in find_odd(sample.lines):
        reading = read_as(sample, separator)
        if reading.is_even and _is_parted(reading):
            yield reading
    spaced = read_as(sample, " ")
    if _is_spaced(spaced):
        yield spaced
        return
    fixed = read_as(sample, FIXED_WIDTH)
    # Nobody aligns columns without a name or a value for each in the first line, and none in quotes.
    if fixed.is_even and fixed.width > 1 and all(fixed.rows[0].cells) and not sample.lines[0].startswith('"'):
        yield fixed


def _quoted(delimiter: str) -> str:
    name = name_delimiter(delimiter)
    return name if name in DELIMITERS else f"“{name}”"


def _dialect(sample: Sample, separator: str, quote: str) -> Dialect:
    first_line = sample.text.lstrip().partition("\n")[0]
    return Dialect(
        separator if len(separator) == 1 else MARK,
        quote,
        skips_spaces=separator == " " or f"{separator} {quote}" in sample.text,
        is_spaced=f"{separator} " in first_line,
        separator=separator if len(separator) > 1 else "",
    )


def _is_one_column(reading: Reading) -> bool:
    """Whether the delimiters are rather part of the text of a single column: `city`, `Paris, France`."""
    rows = [row.cells for row in reading.rows]
    if len(rows[0]) > 1 or reading.dialect.delimiter == "\t" or is_titled(reading):
        return False
    table = [cells for cells in rows if len(cells) > 1]
    if all(kind_of(cell.strip()) in ("number", "date") for cells in table for cell in cells):
        return all(_DECIMAL.fullmatch(reading.dialect.name.join(cells)) for cells in table)
    is_prose = all(cell.startswith(" ") for cells in table for cell in cells[1:])
    return reading.width == 2 or is_prose


def _has_single_quotes(reading: Reading) -> bool:
    """Whether every cell of some column that is not empty is in single quotes, but for its name."""
    rows = [row.cells for row in reading.rows[1:] if len(row.cells) == reading.width]
    columns = ([cell.strip() for cell in column if cell.strip()] for column in zip(*rows, strict=True))
    return any(
        len(column) > 1 and all(len(cell) > 1 and cell[0] == "'" == cell[-1] for cell in column)
        for column in columns
    )


def _is_parted(reading: Reading) -> bool:
    """Whether an unusual delimiter parts columns, and is not a part of each line's text."""
    rows = [row.cells for row in reading.rows]
    if len(rows) < 3 or reading.width < 2:
        return False
    separator = reading.dialect.name
    # Lists of points, hashtags, questions, addresses of pages, times, and remarks such as “name: text”.
    if not all(any(map(str.strip, column)) for column in zip(*(rows[1:]), strict=True)):
        return False
    if separator == ":" and all(cells[1].startswith((" ", "//")) for cells in rows[1:]):
        return False
    return not all(kind_of(separator.join(cells).strip()) in ("number", "date") for cells in rows[1:])


def _is_spaced(reading: Reading) -> bool:
    """Whether spaces part columns, and not words: by numbers in most of them, or by many rows all alike."""
    rows = [row.cells for row in reading.rows]
    if not reading.is_even or len(rows) < 3 or reading.width < 2:
        return False
    columns = list(zip(*rows[1:], strict=True))
    figures = sum(all(kind_of(cell) in ("number", "date") for cell in column) for column in columns)
    named = all(kind_of(tidy_name(name)) == "text" for name in rows[0])
    if reading.width == 2 and (figures < 2 or not named):
        return False
    if 2 * figures < reading.width and not (figures and len(rows) >= _MANY_ROWS):
        return False
    lines = [" ".join(cells) for cells in rows[1:]]
    return not all(map(read_moment, lines)) and not all(map(_GROUPED.fullmatch, lines))
