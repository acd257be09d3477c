"""The readers that are compared: bytes in, rows with their header and the delimiter out.

Those of others are imported where they are used: `pip install --group bench` adds them.
"""

import csv
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec


class Read(msgspec.Struct, frozen=True):
    """What a reader returns: rows, the header first, None where the file is refused; and the delimiter."""

    rows: list[list[str]] | None
    delimiter: str = ""


Reader = Callable[[bytes], Read]

RULES_OFF: dict[str, Any] = {
    "normalize_numbers": False,
    "normalize_dates": False,
    "drop_empty_columns": False,
    "escape_formulas": False,
}


def read_with_rules(content: bytes) -> Read:
    """Read with `file.clean` as it is."""
    return _clean(content)


def read_without_rules(content: bytes) -> Read:
    """Read with `file.clean`, all rules off that change cells or columns."""
    return _clean(content, **RULES_OFF)


def _clean(content: bytes, **options: Any) -> Read:
    from handlers.cleaning import CleaningError, CleaningOptions, clean_file
    from handlers.cleaning.text import TextTable

    with tempfile.TemporaryDirectory() as place:
        path, scratch = Path(place) / "input", Path(place) / "scratch"
        path.write_bytes(content)
        scratch.mkdir()
        wanted = CleaningOptions(output="csv", **options)
        try:
            cleaned = clean_file(path, scratch, name="data.csv", options=wanted, report=lambda progress: None)
            delimiter = TextTable(path, wanted).description.delimiter
        except CleaningError:
            return Read(None)
        with cleaned.path.open(encoding="utf-8", newline="") as file:
            return Read(list(csv.reader(file)), delimiter)


def read_with_sniffer(content: bytes) -> Read:
    """Read with `csv.Sniffer` and `csv.reader`."""
    text = content.decode()
    try:
        dialect = csv.Sniffer().sniff(text)
        return Read(list(csv.reader(io.StringIO(text, newline=""), dialect)), dialect.delimiter)
    except csv.Error:
        return Read(None)


def read_with_clevercsv(content: bytes) -> Read:
    """Read with the dialect that CleverCSV finds."""
    import clevercsv

    text = content.decode()
    dialect = clevercsv.Sniffer().sniff(text)
    if dialect is None:
        return Read(None)
    try:
        return Read(list(clevercsv.reader(io.StringIO(text, newline=""), dialect)), dialect.delimiter)
    except clevercsv.Error:
        return Read(None, dialect.delimiter)


def read_with_duckdb(content: bytes) -> Read:
    """Read with DuckDB, which finds everything itself and is asked to be forgiving."""
    import duckdb

    with tempfile.TemporaryDirectory() as place, duckdb.connect() as database:
        path = Path(place) / "data.csv"
        path.write_bytes(content)
        try:
            (found,) = database.execute("select Delimiter from sniff_csv(?)", [str(path)]).fetchall()
            table = database.read_csv(
                str(path), strict_mode=False, ignore_errors=True, null_padding=True, all_varchar=True
            )
            rows = [["" if cell is None else cell for cell in row] for row in table.fetchall()]
        except duckdb.Error:
            return Read(None)
        return Read([table.columns, *rows], found[0])


READERS: dict[str, Reader] = {
    "ours, rules off": read_without_rules,
    "ours, defaults": read_with_rules,
    "csv.Sniffer": read_with_sniffer,
    "CleverCSV": read_with_clevercsv,
    "DuckDB, auto": read_with_duckdb,
}


def is_installed(reader: Reader) -> bool:
    """Whether what a reader needs can be imported."""
    try:
        reader(b"a,b\n1,2\n")
    except ImportError:
        return False
    return True
