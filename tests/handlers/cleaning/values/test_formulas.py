"""What a spreadsheet would run is made text, and nothing else."""

import pytest

from handlers.cleaning.values import escape_formula
from tests.handlers.cleaning.tables import clean, column

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
