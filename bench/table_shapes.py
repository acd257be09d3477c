"""What reading and naming a table cost, whatever its shape: as many cells in few columns and in many.

    python -m bench.table_shapes [--cells 200000]

Each line is a function, each column a shape of rows x columns with as many cells; the figures are
microseconds a cell. They grow towards the edges, where a row or a column has so few cells that what it costs
by itself is not shared; where one is many times its neighbours, something grows faster than the table.
"""

import argparse
import csv
import io
import tempfile
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

from handlers.cleaning import CleaningError, CleaningOptions, clean_file
from handlers.cleaning.rules import HeaderRepeats, find_header, name_columns
from handlers.cleaning.text.layout import find_layout
from handlers.cleaning.text.records import Cutter
from handlers.cleaning.text.splitting import Dialect, split

COLUMNS: Final = (1, 10, 100, 1_000, 10_000, 100_000)
LARGEST_SHEET: Final = 16_384
ROUNDS: Final = 3

Measure = Callable[[int, int], Callable[[], object]]
MEASURES: dict[str, Measure] = {}


def measure(name: str) -> Callable[[Measure], Measure]:
    """Add what prepares a table of rows and columns and returns what is measured on it."""

    def add(prepare: Measure) -> Measure:
        MEASURES[name] = prepare
        return prepare

    return add


@measure("name_columns, all alike")
def _(rows: int, columns: int) -> Callable[[], object]:
    return lambda: [name_columns(["a"] * columns, named=True, escape=True) for _ in range(rows)]


@measure("name_columns, none named")
def _(rows: int, columns: int) -> Callable[[], object]:
    return lambda: [name_columns([""] * columns, named=True, escape=True) for _ in range(rows)]


@measure("find_header")
def _(rows: int, columns: int) -> Callable[[], object]:
    table = [["a"] * columns, *[["1.5"] * columns] * rows]
    return lambda: find_header(table, width=columns, choice="auto")


@measure("find_layout")
def _(rows: int, columns: int) -> Callable[[], object]:
    content = text(rows, columns, "7")
    return lambda: find_layout(content, complete=True, options=CleaningOptions())


@measure("find_layout, empty names at the end")
def _(rows: int, columns: int) -> Callable[[], object]:
    content = "a,b" + "," * columns + "\n" + "1,2\n" * rows
    return lambda: find_layout(content, complete=True, options=CleaningOptions())


@measure("find_layout, quotes inside cells")
def _(rows: int, columns: int) -> Callable[[], object]:
    content = text(rows, columns, 'x"y')
    return lambda: find_layout(content, complete=True, options=CleaningOptions())


@measure("cut plain rows")
def _(rows: int, columns: int) -> Callable[[], object]:
    return cutting(text(rows, columns, "7"), columns)


@measure("cut quoted rows")
def _(rows: int, columns: int) -> Callable[[], object]:
    return cutting(text(rows, columns, '"7"'), columns)


@measure("cut rows of several lines")
def _(rows: int, columns: int) -> Callable[[], object]:
    return cutting(text(rows, columns, '"7\n8"'), columns)


@measure("cut rows with text after quotes")
def _(rows: int, columns: int) -> Callable[[], object]:
    return cutting(text(rows, columns, '"7"x'), columns)


@measure("cut rows with too many cells")
def _(rows: int, columns: int) -> Callable[[], object]:
    return cutting(text(rows, columns, "7"), max(1, columns - 1))


@measure("split, a quote open in every line")
def _(rows: int, columns: int) -> Callable[[], object]:
    lines = ["7," * (columns - 1) + 'a","b\n'] * rows
    return lambda: list(split(lines, Dialect(","), width=columns, most_open=0))


@measure("find rows that repeat the header")
def _(rows: int, columns: int) -> Callable[[], object]:
    repeats = HeaderRepeats([f"n{number}" for number in range(columns)])
    table = [["", *["7"] * (rows - 1)] for _ in range(columns)]
    return lambda: repeats.find(table)


@measure("clean a CSV")
def _(rows: int, columns: int) -> Callable[[], object]:
    return cleaning(text(rows, columns, "7").encode(), "data.csv")


@measure("clean a CSV, all columns of one name")
def _(rows: int, columns: int) -> Callable[[], object]:
    content = ",".join(["a"] * columns) + "\n" + (",".join(["7"] * columns) + "\n") * rows
    return cleaning(content.encode(), "data.csv")


@measure("clean a CSV, rows far shorter than the header")
def _(rows: int, columns: int) -> Callable[[], object]:
    content = ",".join(["a"] * columns) + "\n" + "7,7\n" * rows
    return cleaning(content.encode(), "data.csv")


@measure("clean a workbook")
def _(rows: int, columns: int) -> Callable[[], object]:
    return cleaning(sheet(rows, range(1, columns + 1)), "data.xlsx")


@measure("clean a workbook, one far cell in every row")
def _(rows: int, columns: int) -> Callable[[], object]:
    return cleaning(sheet(rows, [columns]), "data.xlsx")


@measure("clean a workbook, a near and a far cell in every row")
def _(rows: int, columns: int) -> Callable[[], object]:
    return cleaning(sheet(rows, sorted({1, columns})), "data.xlsx")


def text(rows: int, columns: int, cell: str) -> str:
    """Return a CSV with names and rows of one cell again and again."""
    names = io.StringIO()
    csv.writer(names, lineterminator="\n").writerow([f"n{number}" for number in range(columns)])
    return names.getvalue() + (",".join([cell] * columns) + "\n") * rows


def cutting(content: str, width: int) -> Callable[[], object]:
    """Return what cuts a block into rows."""
    return lambda: Cutter(Dialect(","), width=width).cut(content, first_line=1, final=True)


def sheet(rows: int, columns: Any) -> bytes:
    """Return a workbook with numbers in some columns, of which the last column is the name."""
    names = {column: letters(column) for column in columns}
    head = "".join(f'<c r="{name}1" t="inlineStr"><is><t>n{name}</t></is></c>' for name in names.values())
    body = (
        f'<row r="{row}">' + "".join(f'<c r="{name}{row}"><v>7</v></c>' for name in names.values()) + "</row>"
        for row in range(2, rows + 2)
    )
    main = "http://schemas.openxmlformats.org/spreadsheetml/2006/main"
    relation = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    package = "http://schemas.openxmlformats.org/package/2006"
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    relations = (
        f'<Relationships xmlns="{package}/relationships">'
        f'<Relationship Id="r" Type="{relation}/{{}}" Target="{{}}"/></Relationships>'
    )
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr(
            "[Content_Types].xml",
            f'<Types xmlns="{package}/content-types"><Default Extension="rels" '
            f'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
            f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
            f'<Override PartName="/xl/worksheets/s.xml" ContentType="{kind}.worksheet+xml"/></Types>',
        )
        archive.writestr("_rels/.rels", relations.format("officeDocument", "xl/workbook.xml"))
        archive.writestr("xl/_rels/workbook.xml.rels", relations.format("worksheet", "worksheets/s.xml"))
        archive.writestr(
            "xl/workbook.xml",
            f'<workbook xmlns="{main}" xmlns:r="{relation}">'
            '<sheets><sheet name="s" sheetId="1" r:id="r"/></sheets></workbook>',
        )
        data = f'<row r="1">{head}</row>{"".join(body)}'
        archive.writestr(
            "xl/worksheets/s.xml", f'<worksheet xmlns="{main}"><sheetData>{data}</sheetData></worksheet>'
        )
    return buffer.getvalue()


def letters(column: int) -> str:
    """Return what a sheet calls a column: A, Z, AA."""
    name = ""
    while column:
        column, rest = divmod(column - 1, 26)
        name = chr(65 + rest) + name
    return name


def cleaning(content: bytes, name: str) -> Callable[[], object]:
    """Return what cleans a file with some content."""

    def clean() -> None:
        with tempfile.TemporaryDirectory() as place:
            source, scratch = Path(place) / "input", Path(place) / "scratch"
            source.write_bytes(content)
            scratch.mkdir()
            options = CleaningOptions(output="csv")
            clean_file(source, scratch, name=name, options=options, report=lambda progress: None)

    return clean


def seconds(run: Callable[[], object]) -> float | None:
    """Return what the fastest of several runs took of the processor, None where the table is refused."""
    best = float("inf")
    for _ in range(ROUNDS):
        started = time.process_time()
        try:
            run()
        except CleaningError:
            return None
        best = min(best, time.process_time() - started)
        if best > 1:
            break
    return best


def main() -> None:
    """Measure everything and print one line a function."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--cells", type=int, default=200_000, help="of every table")
    cells = parser.parse_args().cells
    shapes = [(max(1, cells // columns), columns) for columns in COLUMNS]
    longest = max(map(len, MEASURES))
    print(" " * longest, *(f"{f'{rows}x{columns}':>12}" for rows, columns in shapes))
    for name, prepare in MEASURES.items():
        figures = []
        for rows, columns in shapes:
            if "workbook" in name and columns > LARGEST_SHEET:
                figures.append("-")
                continue
            taken = seconds(prepare(rows, columns))
            figures.append("refused" if taken is None else f"{taken / (rows * columns) * 1e6:.2f}")
        print(f"{name:{longest}}", *(f"{figure:>12}" for figure in figures), flush=True)


if __name__ == "__main__":
    main()
