"""Polluted files: a clean table, written with one fault each, of the kinds that a survey of open data found.

The kinds, and how many of the 3,712 surveyed files had each, are from the description of the Pollock
benchmark (G. Vitagliano and others, PVLDB 16(8), 2023). Tables and code are our own.
"""

import random
from collections.abc import Iterator, Sequence

import msgspec

from bench.reading.tables import Table, make_table

_COLUMNS = (
    ["date", "time", "count", "code", "price", "item", "text", "url", "empty"],
    ["id", "name", "place", "text", "ratio", "comment"],
    ["code", "item", "price", "date"],
)
_ROWS = 40


class Polluted(msgspec.Struct, frozen=True):
    """A file with one fault.

    Attributes:
        kind: of the fault.
        weight: how many of the surveyed files had such a fault, shared by the files of the kind.
        meant: what is to be read.
        delimiter: by which it is written.
    """

    kind: str
    weight: float
    content: bytes
    meant: Table
    delimiter: str = ","


def pollute() -> Iterator[Polluted]:
    """Yield all files, the same at every call."""
    choose = random.Random(2018)
    for columns in _COLUMNS:
        table = make_table(choose, columns, _ROWS)
        yield from _of_files(table)
        yield from _of_rows(table)


def write(
    lines: Sequence[Sequence[str]],
    *,
    delimiter: str = ",",
    quote: str = '"',
    end: str = "\r\n",
    escape: str = '"',
) -> str:
    """Write rows; cells are quoted where they must be, and all prose is."""

    def cell(text: str) -> str:
        if (
            any(sign in text for sign in (delimiter.strip() or delimiter, quote, "\r", "\n"))
            or text.count(" ") > 4
        ):
            return quote + text.replace(quote, escape + quote) + quote
        return text

    return "".join(delimiter.join(map(cell, line)) + end for line in lines)


def _of_files(table: Table) -> Iterator[Polluted]:
    names = table.names or []
    text = write(table.lines)
    header, body = write([names]), write(table.rows)
    width = len(names)
    none = Table(None, table.rows)

    def file(kind: str, weight: float, content: str, meant: Table = table, delimiter: str = ",") -> Polluted:
        return Polluted(kind, weight / len(_COLUMNS), content.encode(), meant, delimiter)

    yield file("nothing wrong", 1, text)
    yield file("no line end at the end", 184, text.removesuffix("\r\n"))
    yield file("two line ends at the end", 5, text + "\r\n")
    yield file("no header", 470, body, none)
    for count in (2, 3):
        several = Table([" ".join([name] * count) for name in names], table.rows)
        yield file(f"a header of {count} rows", 47, header * count + body, several)
    yield file("lines above the table", 282, write([["PREAMBLE", *[""] * (width - 1)], [""] * width]) + text)
    less = write([names[:-1], *(row[:-1] for row in table.rows)])
    more = write([[*names, "more"], *([*row, "x"] for row in table.rows)])
    yield file("a second table with fewer columns", 63, text + less)
    yield file("a second table with more columns", 63, text + more)
    yield file("only a header", 3, header, Table(names, []))
    yield file("one row", 4, write([names, table.rows[0]]), Table(names, table.rows[:1]))
    yield file("carriage returns", 7, write(table.lines, end="\r"))
    yield file("line feeds", 1691, write(table.lines, end="\n"))
    for delimiter, weight in (("\t", 4), (";", 834), (" ", 4), (", ", 101)):
        written = write(table.lines, delimiter=delimiter)
        yield file(f"delimiter {delimiter!r}", weight, written, delimiter=delimiter.strip(" ") or delimiter)
    yield file('quote "\'"', 11, write(table.lines, quote="'", escape=""))
    yield file("quotes escaped by a backslash", 1, write(table.lines, escape="\\"))
    yield file("quotes not escaped", 7, write(table.lines, escape=""))


def _of_rows(table: Table) -> Iterator[Polluted]:
    written = [write([line]) for line in table.lines]
    width = len(table.rows[0])
    share = 1 / len(_COLUMNS) / len(written)
    for number, line in enumerate(table.lines):
        cells = [write([[cell]]).removesuffix("\r\n") for cell in line]

        def file(kind: str, weight: float, text: str, meant: Table = table, number: int = number) -> Polluted:
            lines = [*written[:number], text + "\r\n", *written[number + 1 :]]
            return Polluted(kind, weight * share, "".join(lines).encode(), meant)

        yield file("a row with spaces for commas", 12, " ".join(cells))
        for column in range(width):
            before, after = cells[:column], cells[column:]
            yield file("a row with a comma more", 278 / width, ",".join([*before, "", *after]))
            if column:
                glued = [*before[:-1], before[-1] + after[0], *after[1:]]
                yield file("a row with a comma less", 247 / (width - 1), ",".join(glued))
            quoted = [*before, '"' + after[0], *after[1:]]
            meant = [*line[:column], '"' + line[column], *line[column + 1 :]]
            lines = [*table.lines[:number], meant, *table.lines[number + 1 :]]
            yield file(
                "a quote that is never closed", 7 / width, ",".join(quoted), Table(lines[0], lines[1:])
            )
