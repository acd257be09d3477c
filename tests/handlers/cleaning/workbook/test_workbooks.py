"""XLSX files are read whole and right, and written as numbers, dates and texts."""

import datetime
import io
import time
import zipfile
from collections.abc import Sequence

import openpyxl
import pytest
from openpyxl.utils.datetime import CALENDAR_MAC_1904

from handlers.cleaning.workbook import reading
from handlers.cleaning.workbook.rows import MAX_DENSE_CELLS
from tests.handlers.cleaning.tables import clean, refusal
from tests.handlers.cleaning.workbooks import (
    RELATIONSHIPS,
    WORKBOOK,
    archive,
    save,
    sheet_xml,
    text_cell,
    workbook,
)


def test_a_workbook_gives_a_workbook_with_numbers_dates_and_texts() -> None:
    moment = datetime.datetime(2026, 11, 22, 14, 5, 7)
    cleaned = clean(
        workbook(
            [
                [" id ", "name", "price", "day", "moment", "paid", "code"],
                [1, " Ann ", 12.5, moment.date(), moment, True, "007"],
                [2, "Bob", 1e-7, datetime.date(2026, 1, 5), datetime.datetime(2026, 1, 5), False, "0815"],
            ]
        ),
        name="data.xlsx",
    )

    assert cleaned.name == "data-cleaned.xlsx"
    assert cleaned.sheet == [
        ("id", "name", "price", "day", "moment", "paid", "code"),
        (1, "Ann", 12.5, datetime.datetime(2026, 11, 22), moment, True, "007"),
        (2, "Bob", 1e-7, datetime.datetime(2026, 1, 5), datetime.datetime(2026, 1, 5), False, "0815"),
    ]


def test_a_workbook_gives_a_csv() -> None:
    moment = datetime.datetime(2026, 11, 22, 14, 5, 7)
    cleaned = clean(
        workbook(
            [
                ["whole", "part", "small", "day", "moment", "time", "hours", "paid", "long"],
                [
                    1,
                    0.1 + 0.2,
                    1e-7,
                    moment.date(),
                    moment,
                    moment.time(),
                    datetime.timedelta(hours=30),
                    True,
                    123456789012,
                ],
            ]
        ),
        name="data.xlsx",
        output="csv",
    )

    assert cleaned.rows[1] == [
        "1",
        "0.3",
        "0.0000001",
        "2026-11-22",
        "2026-11-22 14:05:07",
        "14:05:07",
        "30:00:00",
        "TRUE",
        "123456789012",
    ]


def test_a_csv_gives_a_workbook() -> None:
    cleaned = clean(
        'id,code,price,when,moment,note\n1,007,"1,234.50",31/12/2026,2026-01-05 10:00,=1+1\n'
        "2,12,,1/1/2026,2026-01-06,x\n",
        output="xlsx",
    )

    assert cleaned.sheet == [
        ("id", "code", "price", "when", "moment", "note"),
        (1, "007", 1234.5, datetime.datetime(2026, 12, 31), datetime.datetime(2026, 1, 5, 10), "'=1+1"),
        (2, "12", None, datetime.datetime(2026, 1, 1), datetime.datetime(2026, 1, 6), "x"),
    ]


SAME_IN_WORKBOOKS = {
    "versions": ["1.10", "1.9", "2.0"],
    "thousands as Germans write them": ["10.000", "2.500", "1.234"],
    "thousands and hundreds": ["10.000", "500", "1.234"],
    "zeros of different length": ["0.50", "1.5"],
    "leading zeros": ["007", "12"],
    "more digits than a number has": ["1234567890123456", "1.5"],
}
NUMBERS_IN_WORKBOOKS = {
    "prices": (["12.50", "3.99", "7.00"], [12.5, 3.99, 7], "0.00"),
    "prices with thousands": (["1,234.50", "3.99"], [1234.5, 3.99], "0.00"),
    "decimal commas": (["1,50", "2,25", ""], [1.5, 2.25, None], "0.00"),
    "no zeros at the end": (["1.25", "1.5", "2"], [1.25, 1.5, 2], "General"),
    "whole numbers": (["10", "200"], [10, 200], "General"),
    "three decimals, one below one": (["0.250", "1.500"], [0.25, 1.5], "0.000"),
    "three decimals, one above a thousand": (["1234.250", "1.500"], [1234.25, 1.5], "0.000"),
    "zeros of different length with a thousands sign": (["1,234.50", "7"], [1234.5, 7], "General"),
    "zeros of different length below zero": (["-1.50", "7"], [-1.5, 7], "General"),
}


def csv_of(cells: list[str]) -> str:
    return "name,value\n" + "".join(f'x,"{cell}"\n' for cell in cells)


@pytest.mark.parametrize("case", SAME_IN_WORKBOOKS)
def test_numbers_that_would_change_in_a_workbook_are_texts_there(case: str) -> None:
    cells = SAME_IN_WORKBOOKS[case]

    cleaned = clean(csv_of(cells), output="xlsx")

    assert [row[1] for row in cleaned.sheet[1:]] == cells
    assert clean(cleaned.content, name=cleaned.name).content == cleaned.content
    assert [row[1] for row in clean(cleaned.content, name=cleaned.name, output="csv").rows[1:]] == cells
    told = any("written as texts" in warning and "value" in warning for warning in cleaned.warnings)
    assert told == (case not in ("leading zeros", "more digits than a number has"))
    assert clean(csv_of(cells)).warnings == ()


@pytest.mark.parametrize("case", NUMBERS_IN_WORKBOOKS)
def test_numbers_that_stay_the_same_in_a_workbook_are_numbers_there(case: str) -> None:
    cells, numbers, pattern = NUMBERS_IN_WORKBOOKS[case]

    cleaned = clean(csv_of(cells), output="xlsx")

    sheet = openpyxl.load_workbook(io.BytesIO(cleaned.content)).worksheets[0]
    assert [sheet.cell(row, 2).value for row in range(2, sheet.max_row + 1)] == numbers
    assert sheet.cell(2, 2).number_format == pattern
    assert cleaned.warnings == ()
    assert clean(cleaned.content, name=cleaned.name).content == cleaned.content
    if pattern != "General":
        assert clean(cleaned.content, name=cleaned.name, output="csv").rows == clean(csv_of(cells)).rows


def test_the_sender_makes_numbers_of_what_could_be_something_else() -> None:
    versions = clean(csv_of(["1.10", "2.0"]), output="xlsx", decimal="point")
    thousands = clean(csv_of(["10.000", "2.500"]), output="xlsx", decimal="comma")

    assert [row[1] for row in versions.sheet[1:]] == [1.1, 2]
    assert [row[1] for row in thousands.sheet[1:]] == [10000, 2500]
    assert versions.warnings == thousands.warnings == ()


def test_decimals_are_read_as_people_see_them_unless_there_are_more() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["a", "b", "c", "d"], [1.5, 1.5, 1.5, 1.5], [2, 2.125, 2, 2]):
        sheet.append(row)
    for column, pattern in enumerate(("0.00", "0.00", "0.0%", "#,##0.00"), start=1):
        for number in (2, 3):
            sheet.cell(number, column).number_format = pattern

    cleaned = clean(save(book), name="data.xlsx", output="csv")

    assert cleaned.rows[1:] == [["1.50", "1.50", "1.5", "1.50"], ["2.00", "2.125", "2", "2.00"]]


def test_numbers_in_a_column_with_texts_stay_numbers() -> None:
    rows = [["name", "amount"], ["x", 5], ["y", "n/a"], ["z", 2.5], ["w", True], ["v", "5"]]

    cleaned = clean(workbook(rows), name="data.xlsx")

    assert cleaned.sheet == [tuple(row) for row in rows]


def test_no_cell_of_a_workbook_is_a_formula() -> None:
    cleaned = clean('a,b\n=1+1,"=HYPERLINK(""http://x"")"\n+1,@x\n', output="xlsx", escape_formulas=False)

    book = openpyxl.load_workbook(io.BytesIO(cleaned.content))
    kinds = {cell.data_type for row in book.worksheets[0].iter_rows() for cell in row}
    assert kinds == {"s"}
    assert b"<f" not in zipfile.ZipFile(io.BytesIO(cleaned.content)).read("xl/worksheets/sheet1.xml")


def test_the_epoch_of_1904_is_heard() -> None:
    book = openpyxl.Workbook()
    book.epoch = CALENDAR_MAC_1904
    assert book.active is not None
    for row in (["name", "day"], ["x", datetime.date(2026, 11, 22)]):
        book.active.append(row)

    assert clean(save(book), name="data.xlsx", output="csv").rows[1] == ["x", "2026-11-22"]


def test_dates_before_the_calendar_of_excel_stay_texts() -> None:
    cleaned = clean("name,day\nx,1815-06-18\ny,2026-01-01\n", output="xlsx")

    assert cleaned.sheet[1:] == [("x", "1815-06-18"), ("y", "2026-01-01")]


def test_error_cells_are_kept_as_texts_and_told() -> None:
    data = (
        f'<row r="1">{text_cell("A1", "a")}{text_cell("B1", "b")}</row>'
        '<row r="2"><c r="A2"><v>1</v></c><c r="B2" t="e"><v>#N/A</v></c></row>'
        '<row r="3"><c r="A3" t="e"><f>1/0</f><v>#DIV/0!</v></c><c r="B3"><v>2</v></c></row>'
        '<row r="4"><c r="A4" t="e"><v>#REF!</v></c></row>'
    )

    cleaned = clean(archive(sheet_xml(data)), name="data.xlsx")

    assert cleaned.sheet == [("a", "b"), (1, "#N/A"), ("#DIV/0!", 2), ("#REF!", None)]
    assert any("3 cells hold errors" in warning and "#DIV/0!" in warning for warning in cleaned.warnings)


def test_formulas_give_their_saved_value_and_those_without_are_told() -> None:
    data = (
        f'<row r="1">{text_cell("A1", "a")}{text_cell("B1", "b")}</row>'
        '<row r="2"><c r="A2"><f>1+1</f><v>2</v></c><c r="B2" t="str"><f>"x"</f><v>x</v></c></row>'
        '<row r="3"><c r="A3"><f>2+2</f></c><c r="B3"><v>5</v></c></row>'
    )

    cleaned = clean(archive(sheet_xml(data)), name="data.xlsx", output="csv")

    assert cleaned.rows == [["a", "b"], ["2", "x"], ["", "5"]]
    assert any("1 formulas have no saved value" in warning for warning in cleaned.warnings)


def test_a_column_of_formulas_without_values_stays_and_is_told() -> None:
    data = (
        f'<row r="1">{text_cell("A1", "a")}{text_cell("B1", "sum")}{text_cell("C1", "note")}</row>'
        '<row r="2"><c r="A2"><v>1</v></c><c r="B2"><f>A2*2</f><v></v></c>'
        '<c r="C2" t="str"><f>""</f><v></v></c></row>'
        '<row r="3"><c r="A3"><v>2</v></c><c r="B3"><f>A3*2</f><v/></c></row>'
    )

    cleaned = clean(archive(sheet_xml(data)), name="data.xlsx", output="csv")

    # An empty text is the value of its formula, so that the last column is known to be empty.
    assert cleaned.rows == [["a", "sum"], ["1", ""], ["2", ""]]
    assert any("2 formulas have no saved value" in warning for warning in cleaned.warnings)


def test_merged_cells_are_told() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    for row in (["a", "b"], ["x", 1], [None, 2]):
        sheet.append(row)
    sheet.merge_cells("A2:A3")

    cleaned = clean(save(book), name="data.xlsx", output="csv")

    assert cleaned.rows == [["a", "b"], ["x", "1"], ["", "2"]]
    assert any("1 merged ranges" in warning for warning in cleaned.warnings)


def many_sheets() -> bytes:
    book = openpyxl.Workbook()
    book.remove(book.worksheets[0])
    for name in ("Empty", "Hidden", "First", "Second"):
        sheet = book.create_sheet(name)
        if name != "Empty":
            sheet.append(["name", "value"])
            sheet.append([name, 1])
    book["Hidden"].sheet_state = "veryHidden"
    return save(book)


@pytest.mark.parametrize(
    ("wanted", "found"),
    [("", "First"), ("Second", "Second"), ("second", "Second"), ("2", "Hidden"), ("4", "Second")],
)
def test_a_sheet_is_chosen(wanted: str, found: str) -> None:
    cleaned = clean(many_sheets(), name="data.xlsx", sheet=wanted, output="csv")

    assert cleaned.rows[1] == [found, "1"]
    assert cleaned.report.sheet == found
    assert any(f"Only the sheet “{found}”" in warning for warning in cleaned.warnings)


@pytest.mark.parametrize("wanted", ["Third", "0", "5", "-1"])
def test_a_sheet_that_is_not_there_is_refused_with_those_that_are(wanted: str) -> None:
    error = refusal(many_sheets(), name="data.xlsx", sheet=wanted)

    assert error.type == "unknown-sheet"
    assert "“First”" in error.detail


def test_an_empty_sheet_that_was_chosen_is_refused() -> None:
    assert refusal(many_sheets(), name="data.xlsx", sheet="Empty").type == "empty-file"


def test_titles_blank_rows_and_an_offset_are_understood() -> None:
    book = openpyxl.Workbook()
    sheet = book.active
    assert sheet is not None
    sheet["B2"] = "Report"
    for column, text in zip("BCD", ("id", "name", "note"), strict=True):
        sheet[f"{column}4"] = text
        sheet[f"{column}6"] = f"{text} 1"
        sheet[f"{column}9"] = f"{text} 2"

    cleaned = clean(save(book), name="data.xlsx", output="csv")

    assert cleaned.rows == [
        ["id", "name", "note"],
        ["id 1", "name 1", "note 1"],
        ["id 2", "name 2", "note 2"],
    ]
    assert cleaned.rejected == [["2", "stands above the header row", "Report", "", ""]]
    assert cleaned.report.header_row == 4
    assert cleaned.report.rows.blank == 3


def test_two_far_cells_are_read_without_the_space_between() -> None:
    data = f'<row r="1">{text_cell("A1", "a")}</row><row r="1048576">{text_cell("XFD1048576", "z")}</row>'

    cleaned = clean(archive(sheet_xml(data)), name="data.xlsx", output="csv")

    assert cleaned.rows == [["column_2"], ["z"]]


@pytest.mark.parametrize("columns", ["XFD", "A XFD", "C XFB XFD"])
def test_columns_without_any_cell_are_not_read(columns: str, monkeypatch: pytest.MonkeyPatch) -> None:
    letters = columns.split()
    rows = [
        [text_cell(f"{each}{number}", f"{each} {number}") for each in letters] for number in range(1, 401)
    ]
    data = "".join(f'<row r="{number}">{"".join(row)}</row>' for number, row in enumerate(rows, start=1))
    read = 0
    original = reading.convert

    def counted(cells: Sequence[object], decimals: int = 0) -> object:
        nonlocal read
        read += len(cells)
        return original(cells, decimals)

    monkeypatch.setattr(reading, "convert", counted)

    cleaned = clean(archive(sheet_xml(data)), name="data.xlsx", output="csv")

    assert cleaned.rows == [[f"{each} {number}" for each in letters] for number in range(1, 401)]
    assert read <= 3 * 400 * len(letters)


def test_dense_and_streamed_reading_agree(monkeypatch: pytest.MonkeyPatch) -> None:
    moment = datetime.datetime(2026, 11, 22, 14, 5, 7)
    rows: list[list[object]] = [["id", "text", "number", "day", "moment", "time", "truth", "empty"]]
    for number in range(3000):
        rows.append(
            [
                number,
                f" text {number} ",
                number / 7,
                (moment + datetime.timedelta(days=number)).date(),
                moment + datetime.timedelta(seconds=number),
                (moment + datetime.timedelta(seconds=number)).time(),
                number % 2 == 0,
                None,
            ]
        )
        if number % 500 == 0:
            rows.append([])
    content = workbook(rows)

    dense = clean(content, name="data.xlsx", output="csv")
    monkeypatch.setattr("handlers.cleaning.workbook.rows.MAX_DENSE_CELLS", 10)
    streamed = clean(content, name="data.xlsx", output="csv")

    assert MAX_DENSE_CELLS > 10
    assert streamed.text == dense.text
    assert streamed.report == dense.report


def test_strict_workbooks_and_prefixed_names_are_read() -> None:
    strict = "http://purl.oclc.org/ooxml"
    sheet = (
        f'<x:worksheet xmlns:x="{strict}/spreadsheetml/main"><x:sheetData>'
        '<x:row r="1"><x:c r="A1" t="inlineStr"><x:is><x:t>a</x:t></x:is></x:c></x:row>'
        '<x:row r="2"><x:c r="A2"><x:v>5</x:v></x:c></x:row></x:sheetData></x:worksheet>'
    )
    transitional = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
    content = archive(
        sheet,
        replace={
            "xl/workbook.xml": WORKBOOK.replace(
                "http://schemas.openxmlformats.org/spreadsheetml/2006/main", f"{strict}/spreadsheetml/main"
            ).replace(transitional, f"{strict}/officeDocument/relationships"),
            "xl/_rels/workbook.xml.rels": RELATIONSHIPS.replace(
                transitional, f"{strict}/officeDocument/relationships"
            ),
        },
    )

    assert clean(content, name="data.xlsx", output="csv").rows == [["a"], ["5"]]


def test_part_names_with_backslashes_are_understood() -> None:
    content = workbook([["a", "b"], ["x", 1]])
    renamed = io.BytesIO()
    with zipfile.ZipFile(io.BytesIO(content)) as source, zipfile.ZipFile(renamed, "w") as target:
        for part in source.namelist():
            document = source.read(part)
            if part.endswith(".rels"):
                document = document.replace(b"worksheets/", b"worksheets\\")
            target.writestr(part.replace("/", "\\"), document)

    cleaned = clean(renamed.getvalue(), name="data.xlsx")

    assert cleaned.content == clean(content, name="data.xlsx").content


def test_the_same_table_gives_the_same_bytes_at_any_time() -> None:
    content = "a,b\n1,2026-01-05\n2,2026-01-06\n"

    first = clean(content, output="xlsx").content
    time.sleep(1.1)  # the library stamps whole seconds
    second = clean(content, output="xlsx").content

    assert first == second
    assert clean(first, name="data.xlsx").content == first


def test_a_table_of_too_many_rows_for_a_sheet_is_split(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("handlers.cleaning.workbook.writing.ROWS_A_SHEET", 100)
    rows = [["id", "name"], *([str(number), f"name {number}"] for number in range(250))]

    cleaned = clean("\n".join(map(",".join, rows)), output="xlsx")

    book = openpyxl.load_workbook(io.BytesIO(cleaned.content))
    assert book.sheetnames == ["Cleaned", "Cleaned 2", "Cleaned 3"]
    assert [sheet.max_row for sheet in book] == [101, 101, 51]
    assert all(next(sheet.iter_rows(values_only=True)) == ("id", "name") for sheet in book)
    assert any("3 sheets" in warning for warning in cleaned.warnings)


def test_more_columns_than_a_sheet_holds_are_refused() -> None:
    header = ",".join(f"c{number}" for number in range(16_385))

    error = refusal(f"{header}\n{','.join('1' * 16_385)}\n", output="xlsx")

    assert error.type == "too-large"
    assert "CSV" in error.detail


def test_progress_counts_rows_and_never_falls() -> None:
    cleaned = clean(workbook([["a"], *([number] for number in range(3000))]), name="data.xlsx")

    shares = [each.fraction for each in cleaned.progress]
    assert shares == sorted(shares)
    assert shares[-1] == 1.0
    assert list(dict.fromkeys((each.index, each.step) for each in cleaned.progress)) == [
        (1, "checking the workbook"),
        (3, "checking rows"),
        (4, "writing the result"),
    ]
    assert cleaned.progress[-1].unit == "rows"
