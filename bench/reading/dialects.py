"""Files in many dialects: what programs write, what people export, and what lies about in repositories.

The kinds are those that descriptions of detectors name (G. van den Burg and others, Wrangling messy CSV files
by detecting row and type patterns, 2019; W. García, CSVsniffer, 2024; the tests of CSV on the Web): any
delimiter, quotes of two sorts, prose, lists, numbers with decimal commas, addresses, JSON and dates in cells,
titles above and notes below, one column, few rows.
"""

import json
import random
from collections.abc import Callable, Iterator

import msgspec

from bench.reading.pollution import write
from bench.reading.tables import COLUMNS, Table, make_table

_A_SET = 200


class Written(msgspec.Struct, frozen=True):
    """A file in some dialect; what is to be read from it, and by which delimiter, a comma for one column."""

    kind: str
    content: bytes
    meant: Table
    delimiter: str


Kind = Callable[[random.Random], tuple[str, Table, str]]


def well_formed() -> Iterator[Written]:
    """Yield files as programs write them, small and without a fault."""
    return _draw(1, [plain, all_quoted, one_column, two_rows, cells_of_several_lines, numbers_only, wide])


def exported() -> Iterator[Written]:
    """Yield files as offices and instruments export them: titles, notes, decimal commas, blank columns."""
    kinds = [
        plain,
        all_quoted,
        titled,
        footed,
        decimal_commas,
        commented,
        empty_columns,
        spaced,
        measured,
        no_header,
    ]
    return _draw(2, kinds)


def found() -> Iterator[Written]:
    """Yield files as they lie about in repositories: any delimiter, and others in the cells."""
    kinds = [
        *(odd_delimiter, lists_in_cells, prose, json_in_cells, single_quotes, coordinates, logs, key_values),
        *(text_only, space_separated, escaped, code, numbers_only, ragged, short_lines),
    ]
    return _draw(3, kinds)


def unusual() -> Iterator[Written]:
    """Yield files cut by several characters, by control characters, or by position alone."""
    return _draw(4, [several_characters, control_characters, fixed_width, odd_delimiter])


SETS: dict[str, Callable[[], Iterator[Written]]] = {
    "well-formed": well_formed,
    "as exported": exported,
    "as found": found,
    "unusual": unusual,
}


def _draw(seed: int, kinds: list[Kind]) -> Iterator[Written]:
    choose = random.Random(seed)
    for number in range(_A_SET):
        make = kinds[number % len(kinds)]
        text, meant, delimiter = make(choose)
        yield Written(make.__name__.replace("_", " "), text.encode(), meant, delimiter)


def _table(choose: random.Random, *wanted: str, rows: tuple[int, int] = (3, 40)) -> Table:
    columns = list(wanted) or choose.sample(
        [name for name in COLUMNS if name != "empty"], choose.randint(2, 8)
    )
    return make_table(choose, columns, choose.randint(*rows))


def plain(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose), choose.choice(",,,;\t|")
    return write(table.lines, delimiter=delimiter, end=choose.choice(("\n", "\r\n"))), table, delimiter


def all_quoted(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose), choose.choice(",;\t|")
    lines = [
        '"' + f'"{delimiter}"'.join(cell.replace('"', '""') for cell in line) + '"\n' for line in table.lines
    ]
    return "".join(lines), table, delimiter


def one_column(choose: random.Random) -> tuple[str, Table, str]:
    table = _table(choose, choose.choice(("name", "url", "code", "id", "place")))
    return write(table.lines, end="\n"), table, ","


def two_rows(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, rows=(1, 2)), choose.choice(",;\t")
    return write(table.lines, delimiter=delimiter, end="\n"), table, delimiter


def cells_of_several_lines(choose: random.Random) -> tuple[str, Table, str]:
    table = _table(choose, "id", "name", "text", "count")
    rows = [[*row[:2], "\n".join([row[2]] * choose.randint(1, 9)), row[3]] for row in table.rows]
    table = Table(table.names, rows)
    return write(table.lines, end="\n"), table, ","


def numbers_only(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, "id", "ratio", "ratio", "count"), choose.choice(",;\t|")
    return write(table.lines, delimiter=delimiter, end="\n"), table, delimiter


def wide(choose: random.Random) -> tuple[str, Table, str]:
    table = _table(choose, *choose.choices(("id", "name", "ratio", "place", "code"), k=40), rows=(2, 8))
    return write(table.lines), table, ","


def titled(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, "date", "name", "item", "price", "count"), choose.choice(",;\t")
    blank = delimiter * 4 if choose.random() < 0.5 else ""
    title = f"Sales of {choose.choice(('March', 'the north, 2018', 'Q1; all shops'))}"
    above = write([[title]], delimiter=delimiter).removesuffix("\r\n") + blank + "\r\n" + blank + "\r\n"
    return above + write(table.lines, delimiter=delimiter), table, delimiter


def footed(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, "code", "item", "ratio", "count", "date"), choose.choice(",;")
    return write(table.lines, delimiter=delimiter) + "\r\nSource: own figures\r\n", table, delimiter


def decimal_commas(choose: random.Random) -> tuple[str, Table, str]:
    table = _table(choose, "id", "place", "ratio", "ratio", "ratio", "date")
    table = Table(table.names, [[cell.replace(".", ",") for cell in row] for row in table.rows])
    delimiter = choose.choice(";;\t|")
    return write(table.lines, delimiter=delimiter), table, delimiter


def commented(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, "time", "ratio", "ratio", "code"), choose.choice(",;\t")
    above = [
        f"# {choose.choice(('made by', 'unit, scale:', 'channel; gain'))} {n}\n"
        for n in range(choose.randint(1, 30))
    ]
    return "".join(above) + write(table.lines, delimiter=delimiter, end="\n"), table, delimiter


def empty_columns(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = (
        _table(choose, "date", "empty", "name", "empty", "comment", "price"),
        choose.choice(",;"),
    )
    return write(table.lines, delimiter=delimiter), table, delimiter


def spaced(choose: random.Random) -> tuple[str, Table, str]:
    table = _table(choose, "id", "name", "ratio", "text", "count")
    return write(table.lines, delimiter=", ", end="\n"), table, ","


def measured(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = (
        _table(choose, "date", "time", *["ratio"] * choose.randint(1, 12)),
        choose.choice(",;\t"),
    )
    return write(table.lines, delimiter=delimiter), table, delimiter


def no_header(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, "id", "name", "ratio", "date", "count"), choose.choice(",;\t")
    return write(table.rows, delimiter=delimiter), Table(None, table.rows), delimiter


def odd_delimiter(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, "id", "name", "place", "ratio", "count"), choose.choice(":^~#*=!")
    return write(table.lines, delimiter=delimiter, end="\n"), table, delimiter


def lists_in_cells(choose: random.Random) -> tuple[str, Table, str]:
    table, (outer, inner) = (
        _table(choose, "id", "name", "count"),
        choose.choice((",;", ";,", "\t,", ",|", "|,")),
    )
    rows = [
        [*row, inner.join(str(choose.randint(1, 99)) for _ in range(choose.randint(2, 6)))]
        for row in table.rows
    ]
    table = Table([*(table.names or []), "list"], rows)
    return write(table.lines, delimiter=outer, end="\n"), table, outer


def prose(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, "text", "text", "item"), choose.choice(",;\t")
    return write(table.lines, delimiter=delimiter, end="\n"), table, delimiter


def json_in_cells(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, "id", "name"), choose.choice(",;\t")
    values = [json.dumps({"a": choose.randint(1, 9), "b": [1, 2], "c": row[1]}) for row in table.rows]
    table = Table(
        [*(table.names or []), "json"], [[*row, value] for row, value in zip(table.rows, values, strict=True)]
    )
    return write(table.lines, delimiter=delimiter, end="\n"), table, delimiter


def single_quotes(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, "id", "item", "place", "count"), choose.choice(",;")
    return write(table.lines, delimiter=delimiter, quote="'", escape="'", end="\n"), table, delimiter


def coordinates(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, "id", "place"), choose.choice(";|\t")
    points = [
        ", ".join(f"{choose.uniform(0, 9):.2f} {choose.uniform(0, 9):.2f}" for _ in range(5))
        for _ in table.rows
    ]
    rows = [[*row, f"LINESTRING ({point})"] for row, point in zip(table.rows, points, strict=True)]
    table = Table([*(table.names or []), "shape"], rows)
    return "".join(delimiter.join(line) + "\n" for line in table.lines), table, delimiter


def logs(choose: random.Random) -> tuple[str, Table, str]:
    table = _table(choose, "id", "url", "count")
    moments = [f"2018-03-{choose.randint(1, 28):02} 10:{choose.randint(10, 59)}:00" for _ in table.rows]
    rows = [[moment, *row, f"GET /a?x={row[0]};y=2"] for moment, row in zip(moments, table.rows, strict=True)]
    table, delimiter = Table(["when", *(table.names or []), "request"], rows), choose.choice(",|\t")
    return write(table.lines, delimiter=delimiter, end="\n"), table, delimiter


def key_values(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, "name", "ratio"), choose.choice("=:")
    return write(table.lines, delimiter=delimiter, end="\n"), table, delimiter


def text_only(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, "name", "place", "place", "name"), choose.choice(",;\t|")
    return write(table.lines, delimiter=delimiter, end="\n"), table, delimiter


def space_separated(choose: random.Random) -> tuple[str, Table, str]:
    table = _table(choose, "id", "code", "ratio", "count", "ratio", rows=(4, 40))
    return write(table.lines, delimiter=" ", end="\n"), table, " "


def escaped(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, "id", "text", "count", rows=(8, 40)), choose.choice(",;\t")
    return write(table.lines, delimiter=delimiter, escape="\\", end="\n"), table, delimiter


def code(choose: random.Random) -> tuple[str, Table, str]:
    table = _table(choose, "id", "name", "count")
    snippets = ["f(a, b);", "if (x) { y = 1; }", "a[0], a[1]", "x | y", "print('hi', 2)"]
    table = Table([*(table.names or []), "code"], [[*row, choose.choice(snippets)] for row in table.rows])
    return write(table.lines, end="\n"), table, ","


def ragged(choose: random.Random) -> tuple[str, Table, str]:
    table = _table(choose, "id", "name", "ratio", "place", "count", rows=(10, 40))
    lines = write(table.lines, end="\n").splitlines()
    lines.insert(choose.randint(2, len(lines)), "7,broken")
    return "\n".join(lines) + "\n", table, ","


def short_lines(choose: random.Random) -> tuple[str, Table, str]:
    table, delimiter = _table(choose, "count", "count", rows=(3, 20)), choose.choice(",;\t")
    return write(table.lines, delimiter=delimiter, end="\n"), table, delimiter


def several_characters(choose: random.Random) -> tuple[str, Table, str]:
    delimiter = choose.choice(("||", "::", ";;", "|~|", "<>", " | ", "\t\t"))
    table = _table(choose, "id", "name", "place", "ratio", "count")
    return "".join(delimiter.join(line) + "\n" for line in table.lines), table, delimiter


def control_characters(choose: random.Random) -> tuple[str, Table, str]:
    delimiter = choose.choice(("\x01", "\x1f", "\x1e", "\x07"))
    table = _table(choose, "id", "name", "item", "ratio", "text")
    return "".join(delimiter.join(line) + "\n" for line in table.lines), table, delimiter


def fixed_width(choose: random.Random) -> tuple[str, Table, str]:
    table = _table(choose, "id", "name", "date", "ratio", "place", rows=(5, 40))
    widths = [max(map(len, column)) + choose.randint(1, 3) for column in zip(*table.lines, strict=True)]
    lines = [
        "".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)) for line in table.lines
    ]
    return "\n".join(lines) + "\n", table, "fixed width"
