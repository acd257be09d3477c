"""What holds for every table, tried with tables that nobody would think of."""

import csv
import datetime
import io
import re
from typing import Any

import openpyxl
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from handlers.cleaning import CleaningError
from handlers.cleaning.options import FIXED_WIDTH, read_delimiter
from handlers.cleaning.values import escape_formula, tidy_cell
from tests.handlers.cleaning.tables import Outcome, clean

# What tables are made of, more often than chance would have it.
EMPTY = ["", " ", "\u00a0", "\u3000", "\ufeff", "\u200b", "\x00", "\x1f", "\x1e", "\u2028", "\x85", "\x96"]
WORDS = ["a", "b", "A", "x y", "id", "ü", "中文", "😀", "column_1", "a_2", "TRUE", "#N/A", "sep=;"]
NUMBERS = [
    "-5",
    "+5",
    "007",
    "0",
    "1",
    "12",
    "1,234",
    "1.234",
    "1,5",
    "1.5",
    "-1,234.50",
    "1 234",
    "0,5",
    "00",
]
DATES = ["1/2/2026", "13/2/2026", "2/13/2026", "2026-01-05", "31.12.2026", "5 Jan 2026", "2026-01-05 10:00"]
SIGNS = [
    '"',
    '""',
    'x"y',
    ",",
    ";",
    "\t",
    "|",
    "\n",
    "\r\n",
    "\r",
    "x\ny",
    "'",
    "#",
    "# ",
    "'a, b'",
    '"a" b',
    "2025",
    "N/A",
    "x: ",
    "\\",
    '\\"',
    "1e5",
    "5%",
    "−5",
]
FORMULAS = ["=1+1", "@x", "+a", "-b", "＝1", "'=1", '="007"', '="=1"', '="a""b"']
PIECES = st.sampled_from([*EMPTY, *WORDS, *NUMBERS, *DATES, *SIGNS, *FORMULAS])
TEXTS = st.one_of(PIECES, st.lists(PIECES, max_size=3).map("".join), st.text(max_size=8))
TABLES = st.integers(1, 5).flatmap(
    lambda width: st.lists(st.lists(TEXTS, min_size=width, max_size=width), min_size=1, max_size=8)
)
OPTIONS = st.fixed_dictionaries(
    {
        "drop_duplicates": st.booleans(),
        "drop_empty_columns": st.booleans(),
        "date_order": st.sampled_from(["auto", "day first", "month first"]),
        "output": st.sampled_from(["same", "csv", "tsv"]),
    }
)
RAW = st.lists(st.one_of(PIECES, st.sampled_from([",", ",", "\n", "\n", '"'])), max_size=60).map("".join)

# Rows of different length, as titles, missing names and broken rows make them.
RAGGED = st.builds(
    lambda rows, delimiter, newline: newline.join(map(delimiter.join, rows)),
    st.lists(st.lists(PIECES, max_size=4), max_size=8),
    st.sampled_from([",", ";", "\t", " ", ", "]),
    st.sampled_from(["\n", "\r\n"]),
)

thorough = settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.too_slow])


def written(rows: list[list[str]], delimiter: str = ",") -> bytes:
    """Write a table as other programs do."""
    text = io.StringIO()
    csv.writer(text, delimiter=delimiter, quoting=csv.QUOTE_ALL).writerows(rows)
    return text.getvalue().encode("utf-8", "surrogateescape")


def attempt(content: bytes, **options: Any) -> Outcome | None:
    """Clean a file; None where it is refused."""
    try:
        return clean(content, **options)
    except CleaningError:
        return None


def changes_nothing(first: Outcome, **options: Any) -> None:
    """Clean a cleaned file: not a byte differs and no rule says that it did anything."""
    again = clean(first.content, name=first.name, **options)
    assert again.content == first.content
    assert again.report.rules == ()
    assert again.rejected == []


@given(TABLES, OPTIONS)
@thorough
@example([["2025", "2026"], ["2,025", "2,026"]], {})
@example([["a", "b"], ["x", '\\"\u20280']], {})
@example([["a", "b"], ["x", 'a\\"\nb']], {})
@example([["a", "b"], ["", ""], ["=x", "1,5"]], {})
@example([["", "\ufeff", "b", "a"], ["", "", "b", "a"]], {})
@example([["a", "b", "x"], ["a", "b", ""], ["1", "2", ""]], {})
@example([["["], ["a"]], {})
@example([["", ",", ","]], {"output": "tsv"})
@example([["x y"], ["1.5 2.5"], ["3.5 4.5"]], {})
@example([["a", "b", "12345"], ["a", "b", "12,345.0"]], {})
@example([["-1,234.50", "-1,234.50"]], {"output": "tsv"})
def test_cleaning_a_cleaned_table_changes_nothing(rows: list[list[str]], options: dict[str, Any]) -> None:
    first = attempt(written(rows), delimiter="comma", **options)

    if first is not None:
        changes_nothing(first, **options)


@given(RAW, st.sampled_from(["auto", "comma"]))
@thorough
@example(",\n''", "auto")
@example('-5\n"\n-5', "auto")
@example("1,234\x85\n1,234\u200b,\n1,234", "auto")
@example(";,x y", "auto")
@example(',sep=;";\x85', "auto")
@example(",,sep=;\n;\ufeff,,\ufeff", "auto")
def test_cleaning_a_cleaned_mess_changes_nothing(text: str, delimiter: str) -> None:
    first = attempt(text.encode("utf-8", "surrogateescape"), delimiter=delimiter)

    if first is not None:
        changes_nothing(first)


@given(RAGGED)
@thorough
@example(",-5\n,,\ufeff\n,-5,\n,a")
@example(",,#\n,#,\n,=1+1,#")
def test_cleaning_cleaned_ragged_rows_changes_nothing(text: str) -> None:
    first = attempt(text.encode("utf-8", "surrogateescape"))

    if first is not None:
        changes_nothing(first)


@given(st.binary(max_size=200))
@thorough
def test_bytes_are_cleaned_or_refused_and_nothing_else(content: bytes) -> None:
    first = attempt(content)

    if first is not None:
        changes_nothing(first)


@given(RAW)
@thorough
def test_no_row_is_lost(text: str) -> None:
    cleaned = attempt(text.encode("utf-8", "surrogateescape"))

    if cleaned is None:
        return
    rows = cleaned.report.rows
    assert rows.read == rows.written + rows.blank + rows.duplicates + rows.rejected
    assert rows.rejected == len(cleaned.rejected)
    assert (
        rows.written
        == len(list(csv.reader(io.StringIO(clean(text.encode(), output="csv").text, newline="")))) - 1
    )


@given(st.one_of(RAW, RAGGED).map(lambda text: text.translate(dict.fromkeys(map(ord, "\"'\0\x85")))))
@thorough
@example(",#\n,#\n#N/A\n#")
def test_every_line_without_quotes_is_the_header_a_row_or_a_rejected_row(text: str) -> None:
    cleaned = attempt(text.encode("utf-8", "surrogateescape"))

    if cleaned is None:
        return
    counts = cleaned.report.rows
    lines = re.split(r"\r\n|\r|\n", text)
    taken = read_delimiter(cleaned.report.delimiter)
    parting = r"[,;\t|]" if taken in ("", FIXED_WIDTH) else rf"[,;\t|]|{re.escape(taken)}"
    filled = sum(any(map(tidy_cell, re.split(parting, line))) for line in lines)
    filled -= bool(cleaned.report.header_row) + lines[0].removeprefix("\ufeff").lower().startswith("sep=")
    assert filled <= counts.written + counts.rejected


@given(TABLES)
@thorough
def test_every_row_of_a_well_formed_table_is_accounted_for(rows: list[list[str]]) -> None:
    cleaned = attempt(written(rows), delimiter="comma", drop_empty_columns=False, first_row_is_header="no")

    if cleaned is None:
        return
    counts = cleaned.report.rows
    # Rows of one empty cell are blank lines, and cells of several lines may be taken for stray quotes.
    assert counts.read >= sum(any(cell.strip() for cell in row) for row in rows) - counts.rejected
    assert counts.written == len(cleaned.rows) - 1


@given(TABLES)
@thorough
def test_no_cell_of_the_output_starts_a_formula(rows: list[list[str]]) -> None:
    cleaned = attempt(written(rows), delimiter="comma")

    if cleaned is None:
        return
    for row in [*cleaned.rows, *cleaned.rejected]:
        for cell in row:
            assert escape_formula(cell) == cell


PLAIN = st.text(
    st.characters(blacklist_categories=("Cs", "Cc", "Zs", "Zl", "Zp"), blacklist_characters="\ufeff"),
    max_size=10,
).filter(lambda text: text == tidy_cell(text))
PLAIN_TABLES = st.integers(2, 5).flatmap(
    lambda width: st.lists(
        st.lists(PLAIN, min_size=width, max_size=width).filter(any), min_size=1, max_size=12
    )
)


@given(PLAIN_TABLES, st.sampled_from([",", ";", "\t", "|"]), st.sampled_from(["utf-8", "utf-16"]))
@thorough
def test_a_table_without_faults_comes_out_as_it_is(
    rows: list[list[str]], delimiter: str, encoding: str
) -> None:
    header = [f"name {index}" for index in range(len(rows[0]))]
    keep: dict[str, Any] = {
        "normalize_numbers": False,
        "normalize_dates": False,
        "escape_formulas": False,
        "drop_empty_columns": False,
    }
    name = {",": "comma", ";": "semicolon", "\t": "tab", "|": "pipe"}[delimiter]

    cleaned = clean(
        written([header, *rows], delimiter).decode().encode(encoding),
        encoding=encoding,
        delimiter=name,
        output="csv",
        **keep,
    )

    assert cleaned.rows == [header, *rows]
    assert cleaned.report.rules == ()


VALUES = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(-(10**14), 10**14),
    st.floats(-1e12, 1e12).map(lambda number: float(f"{number:.6g}")),
    st.datetimes()
    .filter(lambda moment: moment.year > 1900)
    .map(lambda moment: moment.replace(microsecond=0)),
    TEXTS.filter(lambda text: not any(openpyxl.cell.cell.ILLEGAL_CHARACTERS_RE.findall(text))),
)
SHEETS = st.integers(1, 4).flatmap(
    lambda width: st.lists(st.lists(VALUES, min_size=width, max_size=width), min_size=2, max_size=8)
)


def book(rows: list[list[Any]]) -> bytes:
    """Write a workbook in which no text is a formula."""
    workbook = openpyxl.Workbook(write_only=True)
    sheet = workbook.create_sheet("Data")
    for row in rows:
        cells = []
        for value in row:
            cell: Any = openpyxl.cell.WriteOnlyCell(sheet, value=value)
            if isinstance(value, str):
                cell.data_type = "s"
            cells.append(cell)
        sheet.append(cells)
    buffer = io.BytesIO()
    workbook.save(buffer)
    return buffer.getvalue()


@given(SHEETS)
@settings(thorough, max_examples=40)
def test_cleaning_a_cleaned_workbook_changes_nothing(rows: list[list[Any]]) -> None:
    first = attempt(book(rows), name="data.xlsx")

    if first is not None:
        changes_nothing(first)


@given(TABLES)
@settings(thorough, max_examples=40)
@example([["a"], ["1.10"], ["1.9"]])
@example([["a"], ["1.50"], ["1.90"]])
@example([["a"], ["10.000"], ["500"]])
def test_a_table_by_way_of_a_workbook_is_clean(rows: list[list[str]]) -> None:
    first = attempt(written(rows), delimiter="comma", output="xlsx")

    if first is not None:
        changes_nothing(first)


@given(TABLES)
@settings(thorough, max_examples=40)
@example([["a", "b"], ["x", "1.10"], ["x", "1.9"]])
@example([["a", "b"], ["x", "12.50"], ["x", "N/A"]])
@example([["a", "b"], ["x", "10.000"], ["x", "500"]])
@example([["1/2/2026"], ["31.12.2026"]])
def test_a_workbook_holds_what_a_csv_holds(rows: list[list[str]]) -> None:
    straight = attempt(written(rows), delimiter="comma", output="csv")
    book = attempt(written(rows), delimiter="comma", output="xlsx")

    if straight is None or book is None:
        return
    back = attempt(book.content, name=book.name, output="csv", escape_formulas=False)
    assert back is not None
    assert [[meaning(cell) for cell in row] for row in back.rows] == [
        [meaning(cell) for cell in row] for row in straight.rows
    ]


def meaning(cell: str) -> str:
    """Return a cell but for zeros at the end of a number, and a time of nothing but zeros."""
    if re.fullmatch(r"-?\d+\.\d+", cell):
        return str(float(cell))
    if re.fullmatch(r"\d{4}-\d\d-\d\d( \d\d:\d\d(:\d\d)?)?", cell):
        return datetime.datetime.fromisoformat(cell).isoformat()
    return cell


@given(SHEETS)
@settings(thorough, max_examples=40)
@example([["##", None], [False, False]])
def test_a_workbook_by_way_of_csv_is_clean(rows: list[list[Any]]) -> None:
    first = attempt(book(rows), name="data.xlsx", output="csv")

    if first is not None:
        changes_nothing(first)
