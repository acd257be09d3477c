"""Every column gets a name of its own."""

from collections.abc import Callable

import pytest

from handlers.cleaning.rules import name_columns, names
from tests.handlers.cleaning.tables import clean


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
    cleaned = clean("1,x\n2,y\n", first_row_is_header="no")

    assert cleaned.rows == [["column_1", "column_2"], ["1", "x"], ["2", "y"]]
    assert cleaned.report.header_row == 0


@pytest.mark.parametrize(
    "header", [lambda n: ["a"] * n, lambda n: [""] * n, lambda n: ["a"] * n + [f"a_{i}" for i in range(n)]]
)
def test_names_are_found_in_as_many_steps_as_there_are_columns(
    header: Callable[[int], list[str]], monkeypatch: pytest.MonkeyPatch
) -> None:
    steps: list[str] = []
    monkeypatch.setattr(names, "escape_formula", lambda name: steps.append(name) or name)

    name_columns(header(500), named=True, escape=True)

    assert len(steps) <= 4 * len(header(500))
