"""Rows and columns that are none go; rows that repeat the header are set aside."""

from tests.handlers.cleaning.tables import clean


def test_empty_rows_and_columns_go() -> None:
    cleaned = clean("a,b,c\n1,,x\n,,\n\n  ,\t,\u00a0\n2,,y\n")

    assert cleaned.rows == [["a", "c"], ["1", "x"], ["2", "y"]]
    assert cleaned.count("blank_rows") == 3
    assert cleaned.count("empty_columns") == 1
    assert cleaned.report.rows.read == 5


def test_empty_columns_can_be_kept() -> None:
    assert clean("a,b,c\n1,,x\n", drop_empty_columns=False).rows == [["a", "b", "c"], ["1", "", "x"]]


def test_a_row_that_repeats_the_header_is_set_aside() -> None:
    cleaned = clean(" id ,Name\n1,x\nid,Name\n2,y\n")

    assert cleaned.rows == [["id", "Name"], ["1", "x"], ["2", "y"]]
    assert cleaned.rejected == [["3", "repeats the header row", "id", "Name"]]
    assert cleaned.report.columns[0].kind == "number"


def test_a_header_that_comes_again_below_empty_columns_is_set_aside() -> None:
    cleaned = clean("id,name,x\n1,Ann,\nid,name,\n2,Bob,\n")

    assert cleaned.rows == [["id", "name"], ["1", "Ann"], ["2", "Bob"]]
    assert cleaned.report.rows.rejected == 1


def test_one_cell_that_equals_its_column_is_data() -> None:
    assert clean("id,name\n1,Ann\n,name\n2,name\n").report.rows.written == 3


def test_a_row_that_equals_a_header_of_years_is_data() -> None:
    assert clean("2025,2026\n1,2\n2025,2026\n").report.rows.written == 2
