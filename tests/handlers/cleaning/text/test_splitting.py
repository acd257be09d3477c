"""Lines become the records that the csv module reads, and stray quotes cost neither rows nor time."""

import csv
import io
from collections.abc import Callable, Iterable, Iterator
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from handlers.cleaning.text import splitting
from handlers.cleaning.text.splitting import Dialect, Record, split

TEXTS = st.lists(st.sampled_from(['"', '""', "a", "b c", ",", ",", "\n", "\r\n", " ", "'"]), max_size=40).map(
    "".join
)


def records(text: str, *, width: int = 0, most_open: int = 0, quote: str = '"') -> list[Record]:
    lines = list(io.StringIO(text, newline=""))
    return list(split(lines, Dialect(",", quote), width=width, most_open=most_open))


@given(TEXTS)
@settings(max_examples=500, deadline=None)
def test_well_formed_text_is_read_as_by_the_csv_module(text: str) -> None:
    try:
        expected = list(csv.reader(io.StringIO(text, newline=""), strict=True))
    except csv.Error:
        return

    found = records(text)

    assert [record.cells for record in found] == expected
    assert {record.kind for record in found} <= {"row"}


@given(TEXTS, st.integers(0, 3), st.sampled_from([0, 5, 1000]))
@settings(max_examples=500, deadline=None)
def test_every_line_is_in_one_record_whatever_the_quotes(text: str, width: int, most_open: int) -> None:
    lines = list(io.StringIO(text, newline=""))

    found = records(text, width=width, most_open=most_open)

    assert [line for record in found for line in range(record.start, record.end)] == list(range(len(lines)))
    assert all(record.kind != "open" for record in found[:-1])


@given(TEXTS, st.integers(0, 3))
@settings(max_examples=500, deadline=None)
def test_looking_at_each_line_finds_what_reading_on_finds(text: str, width: int) -> None:
    quick = records(text, width=width)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(splitting, "_MOST_READ_IN_VAIN", -1)
        slow = records(text, width=width)

    assert slow == quick


TROUBLE: dict[str, Callable[[int], list[str]]] = {
    "every line opens a quote": lambda n: ['a,"b\n'] * n,
    "every line closes one and opens the next": lambda n: ['a","b\n'] * n,
    "the same, closed at the end": lambda n: [*['a","b\n'] * n, 'a"\n'],
    "one quote, never closed": lambda n: ['a,"b\n', *["a,b\n"] * n],
    "text after every closing quote": lambda n: ['"a"b,c\n'] * n,
    "odd over two lines": lambda n: ['a,"b\n', 'c"d,e\n'] * n,
    "well-formed": lambda n: ['a,"b\n', 'c"\n'] * n,
}


@pytest.mark.parametrize("case", TROUBLE)
@pytest.mark.parametrize("width", [0, 2, 3])
@pytest.mark.parametrize("most_open", [0, 1 << 30])
def test_no_line_is_read_more_than_a_few_times(
    case: str, width: int, most_open: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    lines = TROUBLE[case](2000)
    read = 0

    def count(name: str, owner: object = splitting._Splitting) -> None:
        original = getattr(owner, name)

        def counted(*arguments: Any, **options: Any) -> Any:
            nonlocal read
            read += 1
            return original(*arguments, **options)

        monkeypatch.setattr(owner, name, counted)

    def new_reader(
        lines: Iterable[str], dialect: Dialect, original: Callable[..., Any] = splitting.new_reader
    ) -> Any:
        def counted() -> Iterator[str]:
            nonlocal read
            for line in lines:
                read += 1
                yield line

        return original(counted(), dialect)

    count("_classify")
    count("_continue")
    count("_read_cells")
    count("_looks_like_a_row")
    monkeypatch.setattr(splitting, "new_reader", new_reader)

    found = list(split(lines, Dialect(","), width=width, most_open=most_open))

    assert sum(record.end - record.start for record in found) == len(lines)
    assert read <= 14 * len(lines)
