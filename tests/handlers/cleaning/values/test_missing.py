"""Marks of missing values are emptied where all else is numbers or dates, and it is told where they stay."""

import pytest

from handlers.cleaning.values import MISSING
from tests.handlers.cleaning.tables import clean, column
from tests.handlers.cleaning.workbooks import workbook


@pytest.mark.parametrize("mark", sorted(MISSING))
def test_a_mark_among_numbers_is_emptied_and_counted(mark: str) -> None:
    cleaned = clean(f'k,v\na,"1,234.5"\nb,{mark}\nc,"2,000.1"\n')

    assert cleaned.text == "k,v\na,1234.5\nb,\nc,2000.1\n"
    assert cleaned.count("missing_values") == 1


def test_a_mark_among_plain_numbers_or_dates_is_emptied() -> None:
    assert column(["1", "N/A", "3"]) == ["1", "", "3"]
    assert column(["31/12/2026", "NULL", "1/3/2026"]) == ["2026-12-31", "", "2026-03-01"]
    assert column(["2026-12-31", "-"]) == ["2026-12-31", ""]


@pytest.mark.parametrize(
    "cells", [["x", "N/A"], ["NA", "DE"], ["-", "n/a"], ["1", "N/A", "x"], ["#N/A", "1"]]
)
def test_a_mark_among_texts_stays(cells: list[str]) -> None:
    assert column(cells) == cells


def test_marks_stay_where_a_row_would_be_empty_without_them_and_that_is_told() -> None:
    cleaned = clean("a,b\n1,2\nN/A,-\n3,N/A\n")

    assert cleaned.text == "a,b\n1,2\nN/A,-\n3,N/A\n"
    assert any("“a”, “b”" in warning and "missing values" in warning for warning in cleaned.warnings)


def test_it_can_be_switched_off_and_that_is_told() -> None:
    cleaned = clean('k,v\na,"1,5"\nb,N/A\n', empty_missing=False)

    assert cleaned.rows[1:] == [["a", "1,5"], ["b", "N/A"]]
    assert any("“v”" in warning for warning in cleaned.warnings)


def test_marks_in_a_workbook_leave_numbers_numbers() -> None:
    cleaned = clean(workbook([["k", "v"], ["a", 1.5], ["b", "N/A"], ["c", 2]]), name="data.xlsx")

    assert cleaned.sheet[1:] == [("a", 1.5), ("b", None), ("c", 2)]


def test_a_row_that_repeats_the_header_but_for_marks_is_no_row() -> None:
    cleaned = clean("id,name,n\n1,Ann,5\nid,name,N/A\n2,Bob,6\n")

    assert cleaned.report.rows.rejected == 1
    assert cleaned.rows[1:] == [["1", "Ann", "5"], ["2", "Bob", "6"]]
