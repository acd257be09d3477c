"""Rows that came before are found, exactly and in bounded memory."""

from pathlib import Path

from handlers.cleaning.rules import SeenRows
from tests.handlers.cleaning.tables import clean


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


def test_seen_rows_are_exact_beyond_what_fits_into_memory(tmp_path: Path) -> None:
    seen = SeenRows(tmp_path, most_in_memory=1000)
    rows = [str(number % 3000) for number in range(9000)]

    new = [flag for start in range(0, 9000, 250) for flag in seen.find_new(rows[start : start + 250])]
    seen.close()

    assert new == [True] * 3000 + [False] * 6000
    assert list(tmp_path.iterdir()) == []
