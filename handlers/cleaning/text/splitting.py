"""Where records end: however many lines a quoted cell has, and whatever quotes are stray.

The `csv` module reads as far as it can. Where it stumbles, a line is looked at by itself, once as the start
of a record and once as the inside of a quoted cell, so that the time grows with the lines alone, even where
every line opens a quote that is never closed.
"""

import csv
import functools
import re
from collections.abc import Iterable, Iterator
from itertools import accumulate
from typing import Any, Literal

import msgspec

from handlers.cleaning.options import FIXED_WIDTH

# What cuts the lines of a table with one column: a character that no text has.
NO_DELIMITER = "\ufdd0"
# How often, for each line, lines may be read in vain before no more are.
_MOST_READ_IN_VAIN = 4
_TABLE_LIKE_LINES = 20


class Dialect(msgspec.Struct, frozen=True):
    """How the lines of a text table are read.

    Attributes:
        delimiter: one character, by which marked text is cut.
        separator: what stands between the cells of the file, where that is not the delimiter.
        edges: where the columns but the first begin in a table of fixed width; it has no separator.
        quote: what stands around a cell that holds a delimiter or a line break; doubled inside it.
        skips_spaces: whether spaces after a delimiter are ignored, so that `a, "b"` is quoted.
        escapes_quotes: whether a quote inside quotes is written `\\"`.
        is_spaced: whether spaces follow the delimiters of the table itself, so that `a, b` may be a row.
    """

    delimiter: str
    quote: str = '"'
    skips_spaces: bool = False
    escapes_quotes: bool = False
    is_spaced: bool = False
    separator: str = ""
    edges: tuple[int, ...] = ()

    @property
    def name(self) -> str:
        """What parts the columns: one or more characters, “fixed width”, or nothing in a single column."""
        if self.edges:
            return FIXED_WIDTH
        return self.separator or self.delimiter.replace(NO_DELIMITER, "")


class Record(msgspec.Struct, frozen=True):
    """Some lines that belong together.

    Attributes:
        start, end: the first of the lines and the one after the last, counted from 0.
        cells: what they hold; of a stray line, what stands between its delimiters.
        kind: "odd" for a row that is read in spite of a quote out of place; "stray" for a line with a quote
            that is never closed; "open" for the lines at the end whose quote may be closed by lines that
            follow; else "row".
    """

    start: int
    end: int
    cells: list[str]
    kind: Literal["row", "odd", "stray", "open"] = "row"


def new_reader(lines: Iterable[str], dialect: Dialect) -> Any:
    """Return a strict reader of the `csv` module."""
    return csv.reader(
        lines,
        delimiter=dialect.delimiter,
        quotechar=dialect.quote,
        skipinitialspace=dialect.skips_spaces,
        strict=True,
    )


def split(lines: list[str], dialect: Dialect, *, width: int, most_open: int) -> Iterator[Record]:
    """Yield the records of some lines, all lines in their order.

    Args:
        lines: with their ends; quotes inside quotes are doubled.
        width: how many cells most rows have, to tell a stray quote from a cell of many lines; 0 if not known.
        most_open: how many characters at the end may be left for lines that follow, 0 where none follow.
    """
    return _Splitting(lines, dialect, width, most_open).records()


class _End(msgspec.Struct, frozen=True):
    """Where a record ends that has a quoted cell open at the start of a line.

    Attributes:
        line: the line after its last one.
        state: "open" where it does not end, "broken" where text follows the closing quote.
        delimiters: how many stand outside quotes until there.
    """

    line: int
    state: Literal["closed", "broken", "open"]
    delimiters: int


class _Splitting:
    """One pass over some lines."""

    def __init__(self, lines: list[str], dialect: Dialect, width: int, most_open: int) -> None:
        self._lines = lines
        self._dialect = dialect
        self._width = width
        self._most_open = most_open
        self._quoted, self._opening, self._closing = _patterns(
            dialect.delimiter, dialect.quote, dialect.skips_spaces
        )
        self._read_in_vain = 0
        self._ends: dict[int, _End] = {}
        # Sums from the start to each line: of characters, and of lines that look like rows.
        self._lengths: list[int] = []
        self._alike: list[int] = []

    def records(self) -> Iterator[Record]:
        position = 0
        while position < len(self._lines):
            if self._read_in_vain <= _MOST_READ_IN_VAIN * len(self._lines):
                for record in self._read_on(position):
                    yield record
                    position = record.end
            if position < len(self._lines):
                record = self._look_at(position)
                yield record
                position = record.end

    def _read_on(self, position: int) -> Iterator[Record]:
        """Yield records as long as they are well-formed, at the speed of the csv module."""
        remaining = iter(self._lines)
        remaining.__setstate__(position)  # type: ignore[attr-defined]  # typeshed leaves it out
        reader = new_reader(remaining, self._dialect)
        start = position
        try:
            for cells in reader:
                end = position + reader.line_num
                if end - start > 1 and self._swallows(start + 1, end - 1, len(cells)):
                    break
                yield Record(start, end, cells)
                start = end
        except csv.Error:
            pass
        self._read_in_vain += position + reader.line_num - start

    def _look_at(self, start: int) -> Record:
        """Return the record that begins with a line, whatever it is."""
        line = self._lines[start].rstrip("\r\n")
        state, delimiters = self._classify(line, 0)
        if state in ("closed", "odd"):
            if state == "odd":
                return Record(start, start + 1, self._read_line(line), "odd")
            return Record(start, start + 1, self._read_cells(line) if line else [])
        if state == "broken":
            return self._stray(start)
        end = self._find_end(start + 1)
        if end.state == "closed" and not self._swallows(
            start + 1, end.line - 1, delimiters + end.delimiters + 1
        ):
            return self._read(start, end.line)
        if end.state == "open" and self._may_stay_open(start) and not self._swallows(start + 1, end.line, 0):
            return Record(start, end.line, [], "open")
        if end.state == "open" and start == self._last_filled():
            return self._close(start)
        return self._stray(start)

    def _close(self, start: int) -> Record:
        """Return the record of the last line, whose quote the end of the text closes."""
        rest = "".join(self._lines[start:])
        cells = self._read_cells(rest)
        if len(cells) != self._width or not cells[-1].startswith(self._dialect.quote):
            return self._stray(start)
        return Record(start, len(self._lines), [*cells[:-1], cells[-1][1:]], "odd")

    def _read(self, start: int, end: int) -> Record:
        try:
            return Record(start, end, next(new_reader(self._lines[start:end], self._dialect)))
        except (csv.Error, StopIteration):
            return self._stray(start)

    def _stray(self, start: int) -> Record:
        line = self._lines[start].rstrip("\r\n")
        if self._width > 1 and len(cells := self._read_line(line)) == self._width:
            return Record(start, start + 1, cells, "odd")
        return Record(start, start + 1, line.split(self._dialect.delimiter), "stray")

    def _classify(self, line: str, position: int) -> tuple[Literal["closed", "open", "odd", "broken"], int]:
        """Say what the rest of a line is from the start of a cell on, and how many delimiters it has.

        It is odd with text after a closing quote, and broken if another quote is open after that.
        """
        delimiters = 0
        is_odd = False
        while True:
            if quoted := self._quoted.match(line, position):
                position = quoted.end()
            elif self._opening.match(line, position):
                return "broken" if is_odd else "open", delimiters
            end = self._end_of_cell(line, position)
            is_odd = is_odd or (quoted is not None and position < end)
            position = end
            if position == len(line):
                return "odd" if is_odd else "closed", delimiters
            delimiters += 1
            position += 1

    def _end_of_cell(self, line: str, position: int) -> int:
        found = line.find(self._dialect.delimiter, position)
        return len(line) if found < 0 else found

    def _find_end(self, position: int) -> _End:
        """Say where the record ends of which a quoted cell is open at the start of a line."""
        walked: list[tuple[int, int]] = []
        while position < len(self._lines) and position not in self._ends:
            state, delimiters = self._continue(self._lines[position].rstrip("\r\n"))
            walked.append((position, delimiters))
            if state != "open":
                end = _End(position + 1, state, 0)
                break
            position += 1
        else:
            end = self._ends.get(position) or _End(len(self._lines), "open", 0)
        for line, delimiters in reversed(walked):
            end = self._ends[line] = _End(end.line, end.state, end.delimiters + delimiters)
        return end

    def _continue(self, line: str) -> tuple[Literal["closed", "broken", "open"], int]:
        """Say what a line is whose start is inside a quoted cell, and its delimiters outside quotes."""
        inside = _inside(self._dialect.quote).match(line)
        assert inside is not None
        position = inside.end()
        if position == len(line):
            return "open", 0
        position += 1
        if position == len(line):
            return "closed", 0
        if line[position] != self._dialect.delimiter:
            return "broken", 0
        state, delimiters = self._classify(line, position + 1)
        return ("broken" if state == "odd" else state), delimiters + 1

    def _read_line(self, line: str) -> list[str]:
        """Return the cells of a line, whatever its quotes.

        A quote in a quoted cell may not be doubled, `"a 10" frame"`, or it may be part of a cell that is not
        quoted, `"a" b`: what gives as many cells as there are columns.
        """
        cells = self._read_cells(line, is_lenient=True)
        return cells if len(cells) == self._width else self._read_cells(line)

    def _read_cells(self, line: str, *, is_lenient: bool = False) -> list[str]:
        """Return the cells of a line; one with text after its closing quote stays with its quotes.

        Args:
            is_lenient: whether a quote closes a cell wherever a delimiter or the end of the line follows it.
        """
        quote = self._dialect.quote
        cells = []
        position = 0
        while True:
            quoted = self._quoted.match(line, position)
            end = self._end_of_cell(line, quoted.end() if quoted else position)
            opened = self._opening.match(line, position) if is_lenient else None
            if quoted and quoted.end() == end:
                cells.append(quoted[1].replace(quote * 2, quote))
            elif opened and (found := self._closing.search(line, opened.end())):
                if found["quote"]:
                    cells.append(line[opened.end() : found.start()].replace(quote * 2, quote))
                    end = found.end()
                else:
                    end = found.start()
                    cells.append(line[position:end])
            else:
                cells.append(line[position:end])
            if end == len(line):
                return cells
            position = end + 1

    def _last_filled(self) -> int:
        return next(index for index in reversed(range(len(self._lines))) if self._lines[index].strip())

    def _may_stay_open(self, start: int) -> bool:
        if not self._lengths:
            self._lengths = [0, *accumulate(map(len, self._lines))]
        return self._lengths[-1] - self._lengths[start] < self._most_open

    def _swallows(self, first: int, last: int, cells: int) -> bool:
        """Whether a cell of several lines is rather a stray quote: do whole lines of it look like rows?

        Args:
            first, last: of the lines that are whole, from and to before.
            cells: of the record, 0 where it does not end.
        """
        whole = last - first
        if self._width < 2 or whole < 1:
            return False
        if not self._alike:
            self._alike = [0, *accumulate(map(self._looks_like_a_row, self._lines))]
        alike = self._alike[last] - self._alike[first]
        if self._width == 2:
            # One delimiter a line is common in prose; only much of it, in a row that is broken, tells.
            return cells != self._width and whole >= _TABLE_LIKE_LINES and alike >= 0.95 * whole
        return alike >= 2 and alike >= 0.5 * whole

    def _looks_like_a_row(self, line: str) -> bool:
        delimiter = self._dialect.delimiter
        if line.count(delimiter) != self._width - 1:
            return False
        # Prose may have as many commas as a row, but with spaces after them: 5 Main St, Graz, Austria.
        return self._dialect.is_spaced or line.count(delimiter + " ") < self._width - 1


@functools.cache
def _patterns(
    delimiter: str, quote: str, skips_spaces: bool
) -> tuple[re.Pattern[str], re.Pattern[str], re.Pattern[str]]:
    """Return what matches a whole quoted cell with the spaces behind it, and the start of one.

    The third finds what comes first in a cell: a quote that may close it, or one that may open the next.
    """
    spaces = " *" if skips_spaces else ""
    end = re.escape(delimiter)
    body = f"[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+"
    behind = f"(?:(?!{end})[ \\t])*+(?={end}|$)"
    quoted = f"{spaces}{quote}({body}){quote}(?:{behind})?"
    closing = f"(?P<quote>{quote}){behind}|{end}{spaces}{quote}"
    return re.compile(quoted), re.compile(spaces + quote), re.compile(closing)


@functools.cache
def _inside(quote: str) -> re.Pattern[str]:
    return re.compile(f"[^{quote}]*+(?:{quote}{quote}[^{quote}]*+)*+")
