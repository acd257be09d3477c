"""Cells are trimmed and made safe, columns get names, what is empty or double goes."""

import pytest

from handlers.cleaning.duplicates import SeenRows
from handlers.cleaning.rules import escape_formula, name_columns
from tests.handlers.tables import clean, column


@pytest.mark.parametrize(
    ("before", "after"),
    [
        (" x ", "x"),
        ("\tx\t", "x"),
        ("\u00a0x\u3000", "x"),
        ("a  b", "a  b"),
        ("\n x\n", "x"),
        ("a\x00b\x07", "ab"),
        ("\x1fx\x1e", "x"),
        ("a\r\nb\rc", "a\nb\nc"),
        ("\x00 x", "x"),
    ],
)
def test_a_cell_is_trimmed_and_freed_of_control_characters(before: str, after: str) -> None:
    assert column([before, "other"]) == [after, "other"]


def test_trimmed_cells_are_counted_with_samples() -> None:
    cleaned = clean("a,b\n x,y\n1, z \n2,z\n")

    rule = cleaned.rule("trim")
    assert rule is not None
    assert rule.count == 2
    assert [(s.row, s.column, s.before, s.after) for s in rule.samples] == [
        (2, "a", " x", "x"),
        (3, "b", " z ", "z"),
    ]


def test_samples_are_few_and_short() -> None:
    cleaned = clean("a,b\n" + f"x, {'y' * 1000} \n" * 100)

    rule = cleaned.rule("trim")
    assert rule is not None
    assert rule.count == 100
    assert len(rule.samples) == 5
    assert all(len(sample.before) <= 80 for sample in rule.samples)


@pytest.mark.parametrize(
    ("header", "names"),
    [
        (["a", "b"], ["a", "b"]),
        ([" a ", "b\n c"], ["a", "b c"]),
        (["a", "a", "a"], ["a", "a_2", "a_3"]),
        (["a", "A"], ["a", "A_2"]),
        (["a", "a", "a_2"], ["a", "a_3", "a_2"]),
        (["", "x", ""], ["column_1", "x", "column_3"]),
        (["column_2", ""], ["column_2", "column_2_2"]),
        (["\ufeffid", "\u200bb"], ["id", "b"]),
        (["=1+1", "b"], ["'=1+1", "b"]),
        (["a\x00b", "c"], ["ab", "c"]),
    ],
)
def test_every_column_has_a_name_of_its_own(header: list[str], names: list[str]) -> None:
    assert name_columns(header, named=True, escape=True) == names
    assert name_columns(names, named=True, escape=True) == names


def test_without_a_header_the_columns_are_numbered() -> None:
    cleaned = clean("1,x\n2,y\n", first_row_is_header=False)

    assert cleaned.rows == [["column_1", "column_2"], ["1", "x"], ["2", "y"]]
    assert cleaned.report.header_row == 0


def test_empty_rows_and_columns_go() -> None:
    cleaned = clean("a,b,c\n1,,x\n,,\n\n  ,\t,\u00a0\n2,,y\n")

    assert cleaned.rows == [["a", "c"], ["1", "x"], ["2", "y"]]
    assert cleaned.count("blank_rows") == 3
    assert cleaned.count("empty_columns") == 1
    assert cleaned.report.rows.read == 5


def test_empty_columns_can_be_kept() -> None:
    assert clean("a,b,c\n1,,x\n", drop_empty_columns=False).rows == [["a", "b", "c"], ["1", "", "x"]]


def test_duplicates_stay_unless_they_are_to_go() -> None:
    content = "a,b\n1,x\n2,y\n1,x\n 1,x \n2,y\n"

    kept = clean(content)
    dropped = clean(content, drop_duplicates=True)

    assert kept.report.rows.written == 5
    assert dropped.rows == [["a", "b"], ["1", "x"], ["2", "y"]]
    assert dropped.count("duplicates") == 3


def test_rows_are_duplicates_by_what_is_written() -> None:
    cleaned = clean('a,b\n"1,234.5",x\n1234.5,x\n', drop_duplicates=True)

    assert cleaned.rows == [["a", "b"], ["1234.5", "x"]]


def test_cells_that_only_look_alike_when_joined_are_no_duplicates() -> None:
    cleaned = clean("a,b\nxy,z\nx,yz\n", drop_duplicates=True)

    assert cleaned.report.rows.written == 2


def test_seen_rows_are_exact_beyond_what_fits_into_memory(tmp_path: object) -> None:
    from pathlib import Path

    assert isinstance(tmp_path, Path)
    seen = SeenRows(tmp_path, most_in_memory=1000)
    rows = [str(number % 3000) for number in range(9000)]

    new = [flag for start in range(0, 9000, 250) for flag in seen.find_new(rows[start : start + 250])]
    seen.close()

    assert new == [True] * 3000 + [False] * 6000
    assert list(tmp_path.iterdir()) == []


DANGEROUS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "-2-3",
    "+1-555-123",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    '=HYPERLINK("http://x","y")',
    "＝1+1",
    "＋1+1",
    "－1-1",
    "＠SUM(A1)",
    "-x",
    "+A1",
    "-1 EUR",
]
HARMLESS = [
    "-5",
    "-1,234.50",
    "+49 151 1234567",
    "+5",
    "-",
    "--",
    "-5%",
    "-$5.00",
    "-5,00 €",
    "-1e-5",
    "x=1",
    "'=1",
    "a@b.c",
]


@pytest.mark.parametrize("text", DANGEROUS)
def test_what_a_spreadsheet_would_run_is_made_text(text: str) -> None:
    quoted = text.replace('"', '""')

    cleaned = clean(f'name,value\nx,"{quoted}"\ny," {quoted}"\nz,text\n')

    assert cleaned.rows[1:] == [["x", f"'{text}"], ["y", f"'{text}"], ["z", "text"]]
    assert cleaned.count("formulas") == 2
    assert escape_formula(f"'{text}") == f"'{text}"


@pytest.mark.parametrize("text", HARMLESS)
def test_numbers_dashes_and_texts_are_no_formulas(text: str) -> None:
    assert column([text, "text"]) == [text, "text"]


def test_formulas_can_be_kept() -> None:
    assert column(["=1+1", "x"], escape_formulas=False) == ["=1+1", "x"]


def test_formulas_in_rejected_rows_are_made_safe_too() -> None:
    cleaned = clean("a,b\n1,x\n=1+1\n  =2+2,y,z\n")

    assert [row[2:] for row in cleaned.rejected] == [["'=1+1"], ["'  =2+2", "y", "z"]]


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
