"""Delimiters, quotes, line ends and header rows are found as people write them."""

import pytest

from tests.handlers.cleaning.tables import clean

ROWS = [["id", "name", "amount"], ["1", "Ann Lee", "12.5"], ["2", "Bob", "7"], ["3", "Cy", "100"]]


@pytest.mark.parametrize(
    ("delimiter", "word"), [(",", "comma"), (";", "semicolon"), ("\t", "tab"), ("|", "pipe")]
)
@pytest.mark.parametrize("newline", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("end", [True, False], ids=["ended", "open end"])
def test_a_delimiter_and_a_line_end_are_found(delimiter: str, word: str, newline: str, end: bool) -> None:
    content = newline.join(delimiter.join(row) for row in ROWS) + (newline if end else "")

    cleaned = clean(content, output="csv")

    assert cleaned.report.delimiter == word
    assert cleaned.rows == ROWS


@pytest.mark.parametrize("delimiter", [";", "|"])
def test_the_same_format_keeps_the_delimiter(delimiter: str) -> None:
    content = "\n".join(delimiter.join(row) for row in ROWS) + "\n"

    cleaned = clean(content)

    assert cleaned.text == content
    assert cleaned.name == "data-cleaned.csv"


def test_tabs_make_a_tsv() -> None:
    content = "\n".join("\t".join(row) for row in ROWS) + "\n"

    cleaned = clean(content, name="data.txt")

    assert cleaned.text == content
    assert cleaned.name == "data-cleaned.tsv"
    assert cleaned.report.format == "tsv"


CASES = {
    "decimal commas in a semicolon file": (
        "a;b\n1,5;2,5\n3,5;4,5\n",
        [["a", "b"], ["1.5", "2.5"], ["3.5", "4.5"]],
    ),
    "commas in a tab file": (
        "name\tplace\nAnn\tParis, France\nBob\tRome, Italy\n",
        [["name", "place"], ["Ann", "Paris, France"], ["Bob", "Rome, Italy"]],
    ),
    "commas in quotes": ('a;b\n"x, y, z";1\n"p, q, r";2\n', [["a", "b"], ["x, y, z", "1"], ["p, q, r", "2"]]),
    "sep line": ("sep=;\na;b\n1;2\n", [["a", "b"], ["1", "2"]]),
    "sep line that contradicts": ("sep=|\r\na,x|b\r\n1,y|2\r\n", [["a,x", "b"], ["1,y", "2"]]),
    "spaces before quotes": ('a, "b"\n1, "x, y"\n2, "z"\n', [["a", "b"], ["1", "x, y"], ["2", "z"]]),
    "backslash before quotes": (
        'a,b\n1,"say \\"hi\\", ok"\n2,"x"\n',
        [["a", "b"], ["1", 'say "hi", ok'], ["2", "x"]],
    ),
    "doubled quotes": ('a,b\n1,"say ""hi"""\n2,""""\n', [["a", "b"], ["1", 'say "hi"'], ["2", '"']]),
    "quotes inside a word": ('a,b\n1,5" pipe\n2,6" pipe\n', [["a", "b"], ["1", '5" pipe'], ["2", '6" pipe']]),
    "empty quoted cells": (
        '"a","b","c"\n"1","",""\n"","x","y"\n',
        [["a", "b", "c"], ["1", "", ""], ["", "x", "y"]],
    ),
    "one column": ("name\nAnn\nBob; jr\nCy, sr\n", [["name"], ["Ann"], ["Bob; jr"], ["Cy, sr"]]),
    "cells of several lines": ('a,b\n1,"x\ny\n\nz"\n2,w\n', [["a", "b"], ["1", "x\ny\n\nz"], ["2", "w"]]),
    "cells of several lines, Windows": (
        'a,b\r\n1,"x\r\ny"\r\n2,w\r\n',
        [["a", "b"], ["1", "x\ny"], ["2", "w"]],
    ),
    "a header of several lines": ('"a\nb",c\n1,2\n', [["a b", "c"], ["1", "2"]]),
    "mixed line ends": ("a,b\r\n1,2\n3,4\r5,6\n", [["a", "b"], ["1", "2"], ["3", "4"], ["5", "6"]]),
    "blank lines around": ("\n\n\na,b\n\n1,2\n\n\n", [["a", "b"], ["1", "2"]]),
    "comma after the header only": ("a,b,\n1,2\n3,4\n", [["a", "b"], ["1", "2"], ["3", "4"]]),
    "comma after every row": ("a,b\n1,2,\n3,4,\n", [["a", "b"], ["1", "2"], ["3", "4"]]),
    "fewer cells than names in all rows": (
        "a,b,c,d\n1,2,3\n4,5,6\n",
        [["a", "b", "c"], ["1", "2", "3"], ["4", "5", "6"]],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_table_is_read_as_it_was_meant(case: str) -> None:
    content, rows = CASES[case]

    cleaned = clean(content, output="csv")

    assert cleaned.rows == rows
    assert cleaned.rejected == []


def test_a_chosen_delimiter_is_used() -> None:
    cleaned = clean("a,x;b\n1,5;2\n", delimiter="comma")

    assert cleaned.rows == [["a", "x;b"], ["1", "5;2"]]


def test_lines_above_the_header_are_set_aside() -> None:
    cleaned = clean("Report of sales\nMade on 2026-11-22\n\nid,name,amount\n1,Ann,5\n2,Bob,7\n")

    assert cleaned.rows == [["id", "name", "amount"], ["1", "Ann", "5"], ["2", "Bob", "7"]]
    assert cleaned.report.header_row == 4
    assert cleaned.rejected == [
        ["1", "stands above the header row", "Report of sales"],
        ["2", "stands above the header row", "Made on 2026-11-22"],
    ]


def test_title_rows_filled_up_with_delimiters_are_set_aside() -> None:
    cleaned = clean("Report of sales,,\n,,\nid,name,amount\n1,Ann,5\n2,Bob,7\n")

    assert cleaned.rows[0] == ["id", "name", "amount"]
    assert [row[:3] for row in cleaned.rejected] == [["1", "stands above the header row", "Report of sales"]]


def test_twenty_thousand_columns_are_read() -> None:
    names = [f"column {number}" for number in range(20_000)]

    cleaned = clean(",".join(names) + "\n" + ",".join(["1"] * 20_000) + "\n")

    assert cleaned.rows == [names, ["1"] * 20_000]


def test_a_cell_of_ten_megabytes_is_kept() -> None:
    long = "x" * 10_000_000

    cleaned = clean(f"a,b\n1,{long}\n2,y\n")

    assert cleaned.text == f"a,b\n1,{long}\n2,y\n"


@pytest.mark.parametrize("size", [127, 128, 129, 400])
def test_blocks_cut_no_row(size: int) -> None:
    rows = [["id", "text"], *([str(number), f"Grüße {number}"] for number in range(size * 100))]

    cleaned = clean("\n".join(map(",".join, rows)))

    assert cleaned.rows == rows
