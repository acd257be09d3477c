"""Dates get one form where a whole column agrees on which number is the day."""

import pytest

from tests.handlers.cleaning.tables import clean, column

CHANGED = {
    "day first, told by one row": (["13/02/2026", "1/3/2026"], ["2026-02-13", "2026-03-01"]),
    "month first, told by one row": (["02/13/2026", "3/1/2026"], ["2026-02-13", "2026-03-01"]),
    "points": (["31.12.2026", "1.2.2026"], ["2026-12-31", "2026-02-01"]),
    "dashes": (["31-12-2026"], ["2026-12-31"]),
    "year first": (["2026/1/5", "2026.12.31"], ["2026-01-05", "2026-12-31"]),
    "year first without zeros": (["2026-1-5"], ["2026-01-05"]),
    "month names": (
        ["5 Jan 2026", "Feb 3, 2026", "12-September-2026"],
        ["2026-01-05", "2026-02-03", "2026-09-12"],
    ),
    "ordinals": (["March 1st, 2026", "22nd Sept 2026"], ["2026-03-01", "2026-09-22"]),
    "Chinese and Japanese": (["2026年1月5日", "2026年12月31日"], ["2026-01-05", "2026-12-31"]),
    "mixed notations that agree": (
        ["2026-01-05", "31/12/2026", "5 Jan 2026"],
        ["2026-01-05", "2026-12-31", "2026-01-05"],
    ),
    "day and month alike": (["5/5/2026", "7/7/2026"], ["2026-05-05", "2026-07-07"]),
    "with a time": (["13/02/2026 9:05", "1/3/2026 23:59"], ["2026-02-13 09:05", "2026-03-01 23:59"]),
    "with a T": (["2026-02-13T09:05:07"], ["2026-02-13 09:05:07"]),
    "with halves of the day": (
        ["13/02/2026 12:05 AM", "1/3/2026 1:00 pm"],
        ["2026-02-13 00:05", "2026-03-01 13:00"],
    ),
    "leap day": (["29/02/2024"], ["2024-02-29"]),
    "empty cells between": (["31/12/2026", ""], ["2026-12-31", ""]),
}

KEPT = {
    "one form already": ["2026-01-05", "2026-12-31"],
    "one form with times": ["2026-01-05 10:00:00", "2026-12-31 00:00:00.5"],
    "either day or month first": ["1/2/2026", "3/4/2026"],
    "both orders in one column": ["13/02/2026", "02/13/2026"],
    "no such day": ["30/02/2026", "31/12/2026"],
    "no leap year": ["29/02/2026"],
    "no such month name": ["5 Foo 2026"],
    "two-digit years": ["31/12/26", "1/1/26"],
    "time zones": ["2026-01-05T10:00:00Z", "2026-01-05T10:00:00+02:00"],
    "a text among them": ["31/12/2026", "soon"],
    "numbers of eight digits": ["20260105", "20261231"],
    "two separators": ["31/12-2026"],
    "no such hour": ["31/12/2026 25:00"],
    "version numbers": ["1.2.2026.1"],
}


@pytest.mark.parametrize("case", CHANGED)
def test_a_column_of_dates_gets_one_form(case: str) -> None:
    before, after = CHANGED[case]

    assert column(before) == after


@pytest.mark.parametrize("case", CHANGED)
def test_one_form_stays_as_it_is(case: str) -> None:
    _, after = CHANGED[case]

    assert column(after) == after


@pytest.mark.parametrize("case", KEPT)
def test_a_column_that_leaves_a_doubt_is_left_alone(case: str) -> None:
    assert column(KEPT[case]) == KEPT[case]


def test_the_sender_settles_which_number_is_the_day() -> None:
    assert column(["1/2/2026"], date_order="day first") == ["2026-02-01"]
    assert column(["1/2/2026"], date_order="month first") == ["2026-01-02"]
    assert column(["13/2/2026"], date_order="month first") == ["2026-02-13"]


def test_an_open_question_is_told() -> None:
    cleaned = clean("name,when\nx,1/2/2026\ny,3/4/2026\n")

    assert [warning for warning in cleaned.warnings if "when" in warning and "date order" in warning]


def test_a_row_far_down_settles_the_whole_column() -> None:
    rows = [f"{day}/{month}/2026" for day in range(1, 12) for month in range(1, 12)] * 100

    assert column([*rows, "31/12/2026"])[1] == "2026-02-01"
    assert column([*rows, "12/31/2026"])[1] == "2026-01-02"
    assert column(rows)[1] == "1/2/2026"


def test_it_can_be_switched_off() -> None:
    assert column(["31/12/2026"], normalize_dates=False) == ["31/12/2026"]
