"""What a spreadsheet would run is made text, and nothing else."""

import pytest

from handlers.cleaning.values import escape_formula
from tests.handlers.cleaning.tables import clean, column

DANGEROUS = [
    "=1+1",
    "=cmd|' /C calc'!A0",
    "+cmd|' /C calc'!A0",
    "-2+3+cmd|' /C calc'!A0",
    "-2 cmd|' /C calc'!A0",
    "@SUM(1+1)*cmd|' /C calc'!A0",
    "@SUM(1)",
    "@A1+@A2",
    '=HYPERLINK("http://x","y")',
    "＝1+1",
    "＋A1",
    "－SUM(A1)",
    "＠SUM(A1)",
    "-x",
    "+A1",
    "-1-A1",
    "-1E5-A1",
    "-50%-A1",
    "-(A1)",
    "-2*PI()",
    "+1!A1",
    "+[x.xlsx]A!A1",
    "-1:1",
]
HARMLESS = [
    "-5",
    "-1,234.50",
    "+49 151 1234567",
    "+49 (0)151/1234567",
    "+1-555-123",
    "+1 555-123-4567",
    "+1 (555) 123-4567 ext. 89",
    "+5",
    "-",
    "--",
    "-5%",
    "-$5.00",
    "-5,00 €",
    "-1 EUR",
    "-5 °C",
    "-5°C to -3°C",
    "-12kg",
    "-40 km/h",
    "-1e-5",
    "-1/2",
    "-2-3",
    "－1-1",
    "@ann",
    "@ann_b, @bob.c",
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
def test_what_can_name_nothing_is_left_alone(text: str) -> None:
    assert column([text, "text"]) == [text, "text"]


def test_formulas_can_be_kept() -> None:
    assert column(["=1+1", "x"], escape_formulas=False) == ["=1+1", "x"]


def test_formulas_in_rejected_rows_are_made_safe_too() -> None:
    cleaned = clean("a,b\n1,x\n=1+1\n  =2+2,y,z\n")

    assert [row[2:] for row in cleaned.rejected] == [["'=1+1"], ["'  =2+2", "y", "z"]]
