"""Numbers get one form where a whole column agrees, and are left alone where anything is in doubt."""

import pytest

from tests.handlers.cleaning.tables import clean, column

CHANGED = {
    "thousands with commas": (["1,234,567", "12", "1,000"], ["1234567", "12", "1000"]),
    "decimal point tells the comma": (["1,234.50", "99.9"], ["1234.50", "99.9"]),
    "decimal comma": (["1,5", "12,25", "-3"], ["1.5", "12.25", "-3"]),
    "thousands with points": (["1.234,50", "12,5", "1.234.567"], ["1234.50", "12.5", "1234567"]),
    "thousands with spaces": (["1 234", "12 345,5", "7"], ["1234", "12345.5", "7"]),
    "thousands with narrow spaces": (["1\u202f234,5", "12"], ["1234.5", "12"]),
    "thousands with no-break spaces": (["1\u00a0234", "12"], ["1234", "12"]),
    "thousands with apostrophes": (["1'234.50", "12"], ["1234.50", "12"]),
    "a leading zero before a comma is a decimal": (["0,123", "1,500"], ["0.123", "1.500"]),
    "true minus": (["−5", "3"], ["-5", "3"]),
    "minus at the end": (["5-", "1.5"], ["-5", "1.5"]),
    "plus beside minus": (["+5", "-3", "+0.5"], ["5", "-3", "0.5"]),
    "no digit before the point": ([".5", "-.25", "1"], ["0.5", "-0.25", "1"]),
    "negative thousands": (["-1,234.5", "2"], ["-1234.5", "2"]),
    "a mark of a missing value": (["1,234.50", "n/a", "2"], ["1234.50", "", "2"]),
    "a dash for a missing value": (["-", "1,5"], ["", "1.5"]),
    "empty cells between": (["1,5", "", "2,25"], ["1.5", "", "2.25"]),
}

KEPT = {
    "one form already": ["1", "-2.50", "0", "0.5", "123456789012345"],
    "leading zeros": ["007", "12", "1,234.5"],
    "postcodes": ["01067", "80331"],
    "leading zero with groups": ["0 123", "1 234"],
    "more than 15 digits": ["1234567890123456", "1,234.5"],
    "credit cards": ["4111 1111 1111 1111", "5500 0000 0000 0004"],
    "a text among them": ["1,234.50", "about 5"],
    "1,234 alone": ["1,234", "5,678"],
    "1,234 beside whole numbers": ["1,234", "12"],
    "two notations": ["1,5", "1.5"],
    "both signs of two notations": ["1.234,5", "1,234.5"],
    "telephone numbers": ["+491511234567", "+491517654321"],
    "telephone numbers in groups": ["555 123 456", "555 987 654"],
    "percent": ["5%", "12,5%"],
    "currency": ["$1,234.50", "$2.00"],
    "exponents": ["1E5", "2E7"],
    "machine addresses": ["192.168.100.200", "10.100.200.150"],
    "versions": ["1.2.3", "1.10.0"],
    "two signs": ["-5-", "1"],
    "wide digits": ["１２３", "4,5"],
    "a lone sign": ["+", "1,5"],
    "underscores": ["1_000", "2"],
}


@pytest.mark.parametrize("case", CHANGED)
def test_a_column_of_numbers_gets_one_form(case: str) -> None:
    before, after = CHANGED[case]

    assert column(before, escape_formulas=False) == after


@pytest.mark.parametrize("case", CHANGED)
def test_one_form_stays_as_it_is(case: str) -> None:
    _, after = CHANGED[case]

    assert column(after, escape_formulas=False) == after


@pytest.mark.parametrize("case", KEPT)
def test_a_column_that_leaves_a_doubt_is_left_alone(case: str) -> None:
    assert column(KEPT[case], escape_formulas=False) == KEPT[case]


def test_the_sender_settles_what_the_column_leaves_open() -> None:
    assert column(["1,234", "12"], decimal="point") == ["1234", "12"]
    assert column(["1,234", "12"], decimal="comma") == ["1.234", "12"]
    assert column(["1.234", "12"], decimal="comma") == ["1234", "12"]
    assert column(["1,5", "2"], decimal="point") == ["1,5", "2"]


def test_an_open_question_is_told() -> None:
    cleaned = clean('name,price\nx,"1,234"\ny,"5,678"\n')

    assert [warning for warning in cleaned.warnings if "price" in warning and "decimal sign" in warning]


def test_it_can_be_switched_off() -> None:
    assert column(["1,234.50", "2"], normalize_numbers=False) == ["1,234.50", "2"]


def test_a_cell_far_down_decides_for_the_whole_column() -> None:
    rows = ["1,234.50"] * 30_000

    assert column([*rows, "none of them"])[:2] == ["1,234.50"] * 2
    assert column([*rows, "0.5"])[:2] == ["1234.50"] * 2


def test_the_report_counts_and_shows_what_was_changed() -> None:
    cleaned = clean('name,price\na,"1,234.50"\nb,3\nc,"2,000.00"\n')

    rule = cleaned.rule("numbers")
    assert rule is not None
    assert rule.count == 2
    assert [(sample.row, sample.column, sample.before, sample.after) for sample in rule.samples] == [
        (2, "price", "1,234.50", "1234.50"),
        (4, "price", "2,000.00", "2000.00"),
    ]
    assert {each.name: each.kind for each in cleaned.report.columns} == {"name": "text", "price": "number"}
