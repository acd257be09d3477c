"""The page about cleaning says what the code does."""

import re
from pathlib import Path

import pytest

from handlers.cleaning import CleaningOptions
from handlers.cleaning.text import layout, reading, records
from handlers.cleaning.workbook import reading as sheets
from handlers.cleaning.workbook import scan

PAGE = (Path(__file__).parents[3] / "docs" / "cleaning.md").read_text("utf-8")


@pytest.mark.docs
def test_the_bounds_are_on_the_page() -> None:
    bounds = [
        f"columns of a text | {layout.MOST_COLUMNS:,} |",
        f"one line of a text | {reading._MOST_LINE_BYTES >> 20} MiB |",
        f"a quoted cell of several lines | {records.MAX_OPEN_RECORD >> 20} MiB |",
        f"columns and rows of a sheet | {scan.MAX_COLUMNS:,} and {scan.MAX_ROWS:,} |",
        f"filled cells of a sheet | {scan.MAX_CELLS:,} |",
        f"{sheets._FREE_CELLS:,} cells and {sheets._MAX_CELLS_FOR_ONE} for every filled one |",
        f"up to {layout._FEW_COLUMNS} columns, or ten times as many",
    ]

    assert [bound for bound in bounds if bound not in PAGE] == []
    assert layout._MOST_FILLED_UP == 10


@pytest.mark.docs
def test_options_on_the_page_are_options() -> None:
    named = set(re.findall(r"\(`(\w+)`\)", PAGE))

    assert named
    assert named <= set(CleaningOptions.__struct_fields__)
