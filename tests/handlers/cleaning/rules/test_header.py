"""A header is told from data by what stands below it; what is not sure is said."""

from typing import Any

import pytest

from tests.handlers.cleaning.tables import clean
from tests.handlers.cleaning.workbooks import workbook

NAMED: dict[str, list[list[Any]]] = {
    "text above text": [["Ann", "Graz"], ["Bob", "Linz"]],
    "text above numbers": [["item", "price"], ["x", 1], ["y", 2]],
    "years": [["item", "2025", "2026"], ["x", "1.5", "2"], ["y", "3", "4"]],
    "nothing but years": [["2025", "2026"], ["1", "2"], ["3", "4"]],
    "numbers of columns": [["1", "2", "3"], ["4.5", "5", "6"], ["7", "8", "9"]],
    "one text above numbers": [["id", "2", "3"], ["1", "5", "6"], ["2", "8", "9"]],
    "numbers above text": [["1", "2"], ["x", "y"], ["z", "w"]],
    "nothing below": [["1", "2"]],
}
DATA: dict[str, list[list[Any]]] = {
    "numbers and text": [["1001", "Ann", "3.5"], ["1002", "Bob", "4.5"], ["1003", "Cy", "5.5"]],
    "dates": [["2026-01-05", "Ann"], ["2026-01-06", "Bob"]],
    "times": [["Ann", "10:30"], ["Bob", "11:45"]],
    "amounts": [["Ann", "$3.50"], ["Bob", "$4.50"]],
    "percentages": [["5 %", "x"], ["6 %", "y"]],
    "years below years": [["2025", "Ann"], ["2026", "Bob"]],
    "with a gap": [["1001", "", "3.5"], ["1002", "", "4.5"], ["", "x", "5.5"]],
    "marks and missing values": [["7.5", "x"], ["", "y"], ["8.5", "z"]],
}


@pytest.mark.parametrize("case", NAMED)
@pytest.mark.parametrize("name", ["data.csv", "data.xlsx"])
def test_a_row_of_names_is_the_header(case: str, name: str) -> None:
    cleaned = clean(content(NAMED[case], name), name=name, output="csv")

    assert cleaned.rows == [[str(cell) for cell in row] for row in NAMED[case]]
    assert cleaned.report.header_row == 1


@pytest.mark.parametrize("case", DATA)
@pytest.mark.parametrize("name", ["data.csv", "data.xlsx"])
def test_a_first_row_that_is_data_stays_and_that_is_told(case: str, name: str) -> None:
    cleaned = clean(content(DATA[case], name), name=name, output="csv")

    assert cleaned.rows[0] == [f"column_{number}" for number in range(1, len(DATA[case][0]) + 1)]
    assert cleaned.rows[1:] == DATA[case]
    assert cleaned.report.header_row == 0
    assert [warning for warning in cleaned.warnings if "looks like data" in warning]


@pytest.mark.parametrize("case", DATA)
def test_the_sender_knows_better(case: str) -> None:
    cleaned = clean(content(DATA[case], "data.csv"), first_row_is_header="yes", drop_empty_columns=False)

    assert cleaned.report.rows.written == len(DATA[case]) - 1
    assert cleaned.report.header_row == 1


@pytest.mark.parametrize("case", ["years", "nothing but years", "numbers of columns"])
def test_names_that_could_be_data_are_told(case: str) -> None:
    cleaned = clean(content(NAMED[case], "data.csv"))

    assert [warning for warning in cleaned.warnings if "could be data" in warning]


def test_titles_above_data_are_set_aside() -> None:
    cleaned = clean("Made today\n\n1001,Ann,3.5\n1002,Bob,4.5\n")

    assert cleaned.rows == [
        ["column_1", "column_2", "column_3"],
        ["1001", "Ann", "3.5"],
        ["1002", "Bob", "4.5"],
    ]
    assert [row[2:] for row in cleaned.rejected] == [["Made today"]]


def test_a_far_note_in_a_sheet_does_not_make_rows_titles() -> None:
    rows = [["item", "price"], ["x", 1], ["y", 2, "", "", "note"], ["z", 3]]

    cleaned = clean(workbook(rows), name="data.xlsx", output="csv")

    assert cleaned.rows == [["item", "price", "column_5"], ["x", "1", ""], ["y", "2", "note"], ["z", "3", ""]]
    assert cleaned.rejected == []


@pytest.mark.parametrize("case", ["a,b,c\n", "a,b,c\n,,\n\n", "a\n"])
@pytest.mark.parametrize("output", ["csv", "tsv", "xlsx"])
def test_a_table_without_rows_is_a_header(case: str, output: str) -> None:
    cleaned = clean(case, output=output)

    names = case.splitlines()[0].split(",")
    assert (cleaned.sheet[0] if output == "xlsx" else tuple(cleaned.rows[0])) == tuple(names)
    assert cleaned.report.rows.written == 0
    assert any("no rows below its header" in warning for warning in cleaned.warnings)
    assert clean(cleaned.content, name=cleaned.name).content == cleaned.content


def test_a_sheet_without_rows_is_a_header() -> None:
    assert clean(workbook([["a", "b"]]), name="data.xlsx", output="csv").text == "a,b\n"


def content(rows: list[list[Any]], name: str) -> str | bytes:
    """Write rows as a file of a kind."""
    if name.endswith(".xlsx"):
        return workbook(rows)
    return "".join(",".join(map(str, row)) + "\n" for row in rows)
