"""Cells are freed of what surrounds and disturbs them."""

import pytest

from tests.handlers.cleaning.tables import clean, column


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
        ("a \x96 b\x85", "a – b…"),
        ("a\x81b", "ab"),
        ("\ufeffa\ufeffb", "ab"),
        ('="007"', "007"),
        ('="say ""a"" "', 'say "a"'),
        ('="=""007"""', "007"),
        ('="x"&"y"', '\'="x"&"y"'),
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
