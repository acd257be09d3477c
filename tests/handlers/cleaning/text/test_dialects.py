"""Delimiters, quotes, line ends and header rows are found as people write them."""

import pytest

from tests.handlers.cleaning.tables import clean, refusal

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
    "one more cell than names": (
        "a,b\nx,1,2\ny,3,4\n",
        [["a", "b", "column_3"], ["x", "1", "2"], ["y", "3", "4"]],
    ),
    "one more cell than names, all text": (
        "a;b\nx;y;z\np;q;r\n",
        [["a", "b", "column_3"], ["x", "y", "z"], ["p", "q", "r"]],
    ),
    "one column of places": (
        "city\nParis, France\nRome, Italy\n",
        [["city"], ["Paris, France"], ["Rome, Italy"]],
    ),
    "one column of addresses": (
        "address\n5 Main St, Graz, Austria\n7 Oak St, Linz, Austria\n",
        [["address"], ["5 Main St, Graz, Austria"], ["7 Oak St, Linz, Austria"]],
    ),
    "one column of lists": ("tags\na;b\nc;d\n", [["tags"], ["a;b"], ["c;d"]]),
    "lists in cells of a long table": (
        "id,tags\n" + "1;2;3,4;5;6\n" * 200,
        [["id", "tags"], *[["1;2;3", "4;5;6"]] * 200],
    ),
    "decimal commas that beat the delimiter": (
        "id;box\n" + "x1;(4,1 9,1 4,1 9,1)\n" * 600,
        [["id", "box"], *[["x1", "(4,1 9,1 4,1 9,1)"]] * 600],
    ),
    "single quotes around commas": (
        "a,b,c\n1,'x, y',2\n2,'z',3\n",
        [["a", "b", "c"], ["1", "x, y", "2"], ["2", "z", "3"]],
    ),
    "single quotes doubled inside": (
        "a,b\n'it''s, well',2\n'z',3\n",
        [["a", "b"], ["it's, well", "2"], ["z", "3"]],
    ),
    "apostrophes": ("a,b\n'tis,'90s\n'twas,y'all\n", [["a", "b"], ["'tis", "'90s"], ["'twas", "y'all"]]),
    "a header that begins with a hash": ("#id,name\n1,x\n2,y\n", [["#id", "name"], ["1", "x"], ["2", "y"]]),
    "rows that begin with a hash": ("tag,n\n#a,1\n#b,2\n", [["tag", "n"], ["#a", "1"], ["#b", "2"]]),
    "tags in one column": ("#a\n#b\nc\n", [["#a"], ["#b"], ["c"]]),
    "spaces between numbers": (
        "day x y\n2026-01-05 1.5 2\n2026-01-06 2.5 3\n",
        [["day", "x", "y"], ["2026-01-05", "1.5", "2"], ["2026-01-06", "2.5", "3"]],
    ),
    "spaces in text": ("first name\nAnn Lee\nBob Ray\n", [["first name"], ["Ann Lee"], ["Bob Ray"]]),
    "spaces in numbers": ("unit price\n1 234\n5 678\n", [["unit price"], ["1 234"], ["5 678"]]),
    "spaces in times": (
        "start (UTC)\n2026-01-05 10:00\n2026-01-06 11:00\n",
        [["start (UTC)"], ["2026-01-05 10:00"], ["2026-01-06 11:00"]],
    ),
    "a colon": ("name:n\nAnn, B:1\nBob, C:2\n", [["name", "n"], ["Ann, B", "1"], ["Bob, C", "2"]]),
    "a hash, and quotes": (
        "id#place\n1#'Graz, Austria'\n2#'Linz, Austria'\n3#'Bonn, Germany'\n",
        [["id", "place"], ["1", "Graz, Austria"], ["2", "Linz, Austria"], ["3", "Bonn, Germany"]],
    ),
    "a control character": (
        "a\x01b\x01c\n" + "x, y\x011\x01z\n" * 20,
        [["a", "b", "c"], *[["x, y", "1", "z"]] * 20],
    ),
    "two characters": (
        'a||b||c\n1||"x, y"||2\n3||"z"||4\n',
        [["a", "b", "c"], ["1", "x, y", "2"], ["3", "z", "4"]],
    ),
    "columns of fixed width": (
        "name      city     n\nAnn Lee   New York 1\nBob       Graz     22\n",
        [["name", "city", "n"], ["Ann Lee", "New York", "1"], ["Bob", "Graz", "22"]],
    ),
    "columns of fixed width, numbers to the right": (
        "   id name    \n    1 Ann Lee \n  200 Bob     \n 3000 Cy      \n",
        [["id", "name"], ["1", "Ann Lee"], ["200", "Bob"], ["3000", "Cy"]],
    ),
    "spaces between codes and numbers": (
        "id code x y\n1 A/17 1.5 2\n2 B.4 2.5 3\n",
        [["id", "code", "x", "y"], ["1", "A/17", "1.5", "2"], ["2", "B.4", "2.5", "3"]],
    ),
    "semicolons between cells in single quotes": (
        "'a, b';1,5\n'c, d';2,5\n'e, f';3,5\n",
        [["column_1", "column_2"], ["a, b", "1.5"], ["c, d", "2.5"], ["e, f", "3.5"]],
    ),
    "addresses of pages": ("https://a.org/x\nhttps://b.org/y\nhttps://c.org/z\n", None),
    "times": ("start\n10:30\n11:15\n12:00\n", None),
    "remarks": ("to do: this\nnext: that\nlast: more\n", None),
    "columns without names between": ("a,,b\n1,,2\n3,,4\n", [["a", "b"], ["1", "2"], ["3", "4"]]),
    "text after a quoted word": ('a|b\n"x" y|1\n"z"|2\n', [["a", "b"], ['"x" y', "1"], ["z", "2"]]),
    "a delimiter inside the quoted word": (
        'a,b\n"x, y" z,1\n"w",2\n',
        [["a", "b"], ['"x, y" z', "1"], ["w", "2"]],
    ),
    "spaces after a closing quote": ('a,b\n"x" ,1\n"z, w"\t,2\n', [["a", "b"], ["x", "1"], ["z, w", "2"]]),
    "a cell of 300 lines": (
        'a,b,c\n1,"' + "x\n" * 300 + 'y",2\n3,z,4\n',
        [["a", "b", "c"], ["1", "x\n" * 300 + "y", "2"], ["3", "z", "4"]],
    ),
    "addresses of several lines": (
        'id,address,n\n1,"5 Main St, Graz, Austria\n7 Oak St, Linz, Austria\nnone",2\n3,x,4\n',
        [
            ["id", "address", "n"],
            ["1", "5 Main St, Graz, Austria\n7 Oak St, Linz, Austria\nnone", "2"],
            ["3", "x", "4"],
        ],
    ),
    "fewer cells than names in all rows": (
        "a,b,c,d\n1,2,3\n4,5,6\n",
        [["a", "b", "c"], ["1", "2", "3"], ["4", "5", "6"]],
    ),
}


@pytest.mark.parametrize("case", CASES)
def test_a_table_is_read_as_it_was_meant(case: str) -> None:
    content, rows = CASES[case]

    cleaned = clean(content, output="csv")

    # Without rows: the lines are cells of a single column.
    assert cleaned.rows == (rows or [[line] for line in content.splitlines()])
    assert cleaned.rejected == []


CHOSEN = {
    "comma": ("a,b;c\n1,x;y\n", [["a", "b;c"], ["1", "x;y"]]),
    "Semicolon": ("a,b;c\n1,x;y\n", [["a,b", "c"], ["1,x", "y"]]),
    "none": ("a,b;c\n1,x;y\n", [["a,b;c"], ["1,x;y"]]),
    "~": ("a~b\n1,5~2\n", [["a", "b"], ["1,5", "2"]]),
    "||": ('a||b|c\n1||"2||3"\n', [["a", "b|c"], ["1", "2||3"]]),
    "\\t": ("a\tb\n1\t2\n", [["a", "b"], ["1", "2"]]),
    "\\x1f": ("a\x1fb\n1\x1f2\n", [["a", "b"], ["1", "2"]]),
    "fixed width": ("a   b\n1,5 2\n33  4\n", [["a", "b"], ["1,5", "2"], ["33", "4"]]),
}


@pytest.mark.parametrize("delimiter", CHOSEN)
def test_any_delimiter_can_be_chosen(delimiter: str) -> None:
    content, rows = CHOSEN[delimiter]

    cleaned = clean(content, delimiter=delimiter, output="csv", normalize_numbers=False)

    assert cleaned.rows == rows


def test_quotes_can_be_chosen() -> None:
    content = "a,b\n'x',\"y\"\n'z',\"w\"\n"

    assert clean(content, quote="double").rows[1] == ["'x'", "y"]
    assert clean(content, quote="single").rows[1] == ["x", '"y"']
    assert clean(content, quote="none").rows[1] == ["'x'", '"y"']


def test_how_quotes_are_written_inside_quotes_can_be_chosen() -> None:
    content = 'a,b\n1,"x\\"\n2,"y\\"\n'

    assert clean(content).rows[1] == ["1", "x\\"]
    assert clean(content, escape="doubled").rows[1] == ["1", "x\\"]


@pytest.mark.parametrize("delimiter", ["x", '"', "", "1", "comma,", "\n", "|" * 11])
def test_what_cannot_be_a_delimiter_is_refused(delimiter: str) -> None:
    error = refusal("a,b\n1,2\n", delimiter=delimiter)

    assert error.type == "wrong-option"
    assert "comma, semicolon" in error.detail


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


TITLED = {
    "one line": ("Sales of March\n", 1),
    "one line above two columns": ("Sales\n", 1),
    "lines of comments": ("# made by a tool\n# with, commas\n" * 5, 10),
    "cells, fewer than columns": ("Sales,2026\n", 1),
    "a blank line between": ("Sales\n\n", 1),
}


@pytest.mark.parametrize("case", TITLED)
@pytest.mark.parametrize("width", [2, 3])
def test_titles_are_told_from_headers_by_the_columns_below(case: str, width: int) -> None:
    title, lines = TITLED[case]
    rows = [["item", "note", "amount"], ["x", "new", "1.5"], ["y", "old", "2.5"]]
    rows = [row[3 - width :] for row in rows]
    if case == "cells, fewer than columns" and width == 2:
        title = "Sales,\n"

    cleaned = clean(title + "".join(",".join(row) + "\n" for row in rows))

    assert cleaned.rows == rows
    assert [row[1] for row in cleaned.rejected] == ["stands above the header row"] * lines


@pytest.mark.parametrize("lines", [600, 40_000])
def test_comments_may_be_longer_than_a_sample(lines: int) -> None:
    cleaned = clean("# a comment, of some length\n" * lines + "id,name,n\n1,x,2\n2,y,3\n")

    assert cleaned.rows == [["id", "name", "n"], ["1", "x", "2"], ["2", "y", "3"]]
    assert cleaned.report.rows.rejected == lines


DOUBTS = {
    "one column": ("city\nParis, France\nRome, Italy\n", "read as one column"),
    "single quotes": ("a,b\n'x, y',2\n", "Single quotes"),
    "an unusual delimiter": ("a~b\nx~2\ny~3\n", "taken to be “~”"),
    "fixed width": ("a  bc\nx  y z\nyy z\n", "taken to be fixed width"),
    "spaces": ("x y\n1.5 2.5\n3.5 4.5\n", "taken to be space"),
    "names are missing": ("a,b\n1,2,3\n4,5,6\n", "names only 2 of 3 columns"),
}


@pytest.mark.parametrize("case", DOUBTS)
def test_what_is_not_sure_is_told(case: str) -> None:
    content, words = DOUBTS[case]

    cleaned = clean(content)

    assert [warning for warning in cleaned.warnings if words in warning]


def test_spaces_can_be_chosen() -> None:
    cleaned = clean('name  x\nAnn 1 \n Bob   2\n"Cy Lee" 3\n', delimiter="space")

    assert cleaned.rows == [["name", "x"], ["Ann", "1"], ["Bob", "2"], ["Cy Lee", "3"]]
    assert cleaned.report.delimiter == "space"


def test_a_cell_that_is_longer_than_a_sample_is_one_cell() -> None:
    lines = "some words\n" * 200_000

    cleaned = clean(f'a,b,c\n1,"{lines}end",2\n3,x,4\n')

    assert cleaned.rejected == []
    assert cleaned.text == f'a,b,c\n1,"{lines}end",2\n3,x,4\n'


def test_more_columns_than_can_be_read_are_refused_with_the_bound() -> None:
    error = refusal(",".join("a" * 100_001) + "\n")

    assert error.type == "too-large"
    assert "100,001 columns" in error.title
    assert "100,000" in error.title


def test_rows_are_not_filled_up_to_many_times_their_size() -> None:
    names = [f"c{number}" for number in range(5000)]

    cleaned = clean(",".join(names) + "\n" + "1,2\n" * 2000)

    assert cleaned.report.rows.rejected == 2000
    assert cleaned.rejected[0] == ["2", "has 2 cells where the header has 5000", "1", "2"]


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
