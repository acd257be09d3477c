"""Rows that do not fit are set aside with number and reason; none is lost, none takes another with it."""

import pytest

from tests.handlers.cleaning.tables import clean

CASES = {
    "too few cells": ("a,b,c\n1,2,3\n4,5\n6,7,8\n", [["3", "has 2 cells where the header has 3", "4", "5"]]),
    "too many cells": (
        "a,b\n1,2\n3,4,5\n6,7\n",
        [["3", "has 3 cells where the header has 2", "3", "4", "5"]],
    ),
    "a quote that is never closed": (
        'a,b\n1,2\n3,x,"y\n4,5\n6,7\n',
        [["3", "has a quote that is never closed", "3", "x", '"y']],
    ),
    "text after a closing quote, over two lines": (
        'a,b\n1,2\n"x\n"y,3\n4,5\n',
        [
            ["3", "has a quote that is never closed", '"x'],
        ],
    ),
    "a totals line": (
        "id,name,amount\n1,x,5\n2,y,6\nTotal: 11\n",
        [["4", "has 1 cells where the header has 3", "Total: 11"]],
    ),
    "in a file of several lines a cell": (
        'a,b\n1,"x\ny"\n2,3,4\n5,"p\nq"\n"6\n7,8\n',
        [
            ["4", "has 3 cells where the header has 2", "2", "3", "4"],
            ["7", "has a quote that is never closed", '"6'],
        ],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_row_that_does_not_fit_is_set_aside(case: str) -> None:
    content, rejected = CASES[case]

    cleaned = clean(content)

    assert cleaned.rejected == rejected
    rows = cleaned.report.rows
    assert rows.rejected == len(rejected)
    assert rows.read == rows.written + rows.blank + rows.duplicates + rows.rejected
    assert any("rejected.csv" in warning for warning in cleaned.warnings)


def test_without_such_rows_there_is_no_file() -> None:
    cleaned = clean("a,b\n1,2\n")

    assert cleaned.rejected == []
    assert cleaned.warnings == ()


MENDED = {
    "a quote that is never closed": ('1,"x', ["1", '"x']),
    "one in the last line": ('1,"x\n', ["1", '"x']),
    "quotes that are not doubled": ('1,"a 10" frame"', ["1", 'a 10" frame']),
    "one at the end that is not doubled": ('1,"frame of 10""', ["1", 'frame of 10"']),
    "text after a closing quote": ('1,"x" y', ["1", '"x" y']),
    "a quote before a quoted cell": ('"1,"x, y"', ['"1', "x, y"]),
}


@pytest.mark.parametrize("case", MENDED)
def test_a_row_of_the_right_width_is_read_in_spite_of_a_quote_out_of_place(case: str) -> None:
    line, cells = MENDED[case]

    cleaned = clean(f"n,t\n5,y\n{line}\n6,z\n7,w\n")

    assert cleaned.rows == [["n", "t"], ["5", "y"], cells, ["6", "z"], ["7", "w"]]
    assert cleaned.rejected == []
    rule = cleaned.rule("quotes")
    assert rule is not None
    assert (rule.count, rule.samples[0].row, rule.samples[0].after) == (1, 3, " | ".join(cells))


def test_a_quote_that_is_open_at_the_end_of_the_file_ends_there() -> None:
    assert clean('n,t\n5,y\n6,"z\n').rows == [["n", "t"], ["5", "y"], ["6", "z"]]


@pytest.mark.parametrize("position", [2, 500, 50_000, 99_999])
def test_a_quote_that_is_never_closed_costs_no_row(position: int) -> None:
    lines = ["id,name,place,state", *(f"{number},name {number},Berlin,ok" for number in range(1, 100_001))]
    lines[position] = f'{position},"name {position},Berlin,ok'

    cleaned = clean("\n".join(lines) + "\n")

    assert cleaned.rejected == []
    assert cleaned.report.rows.written == 100_000
    assert cleaned.rows[position] == [str(position), f'"name {position}', "Berlin", "ok"]


def test_a_quote_that_is_never_closed_costs_its_own_row() -> None:
    lines = ["id,name,place,state", *(f"{number},name {number},Berlin,ok" for number in range(1, 1001))]
    lines[500] = '500,"name 500,Berlin'

    cleaned = clean("\n".join(lines) + "\n")

    assert [row[0] for row in cleaned.rejected] == ["501"]
    assert cleaned.report.rows.written == 999


def test_a_stray_quote_early_in_a_large_file_hides_nothing_of_it() -> None:
    lines = ["1,Ann,3.5", '2,"Bob', *(f"{number},Cy,{number}.5" for number in range(60_000))]

    cleaned = clean("\n".join(lines) + "\n")

    assert cleaned.rejected == [["2", "has a quote that is never closed", "2", '"Bob']]
    assert cleaned.report.header_row == 0
    assert cleaned.report.rows.written == 60_001


def test_two_stray_quotes_cost_two_rows_and_not_those_between() -> None:
    lines = ["id,name,place", *(f"{number},name,Berlin" for number in range(1, 1001))]
    lines[10] = '10,"name'
    lines[900] = '900,name","Berlin"'

    cleaned = clean("\n".join(lines) + "\n")

    assert cleaned.report.rows.written >= 998
    assert "11" in [row[0] for row in cleaned.rejected]


def test_many_broken_rows_do_not_slow_it_down_without_end() -> None:
    lines = ["id,name,place", *(f'{number},"name,Berlin' for number in range(1, 20_001))]

    cleaned = clean("\n".join(lines) + "\n")

    assert cleaned.report.rows.read == 20_000


def test_all_rows_can_be_set_aside() -> None:
    cleaned = clean("a,b,c\n1\n2\n", delimiter="comma")

    assert cleaned.rows == [["a", "b", "c"]]
    assert len(cleaned.rejected) == 2
    assert any("only the header" in warning for warning in cleaned.warnings)


def test_rejected_rows_do_not_decide_what_a_column_holds() -> None:
    cleaned = clean('a,b\nn/a\n"1,234.5",x\n')

    assert cleaned.rows[1] == ["1234.5", "x"]


def test_a_row_that_a_workbook_cannot_hold_is_set_aside() -> None:
    cleaned = clean(f"a,b\n1,{'x' * 32_767}\n2,{'y' * 32_766}\n3,{'😀' * 16_384}\n", output="xlsx")

    assert [row[0] for row in cleaned.sheet[1:]] == [2]
    assert [row[0] for row in cleaned.rejected] == ["2", "4"]
    assert "XLSX holds" in cleaned.rejected[0][1]
