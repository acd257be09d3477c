"""Measures the libraries that could read and write the tables of `file.clean`.

Each candidate runs in a process of its own, so that its peak memory is its own. Candidates that are not
installed are left out; `pip install polars duckdb XlsxWriter` adds those that were not chosen.

    python bench/file_libraries.py --megabytes 100 --rows 50000
"""

import argparse
import csv
import datetime
import importlib.metadata
import json
import multiprocessing
import os
import platform
import random
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

COLUMNS = 20


def make_csv(path: Path, megabytes: int) -> None:
    """Write a CSV as people have them: some quotes, some spaces, amounts with thousands, dates."""
    choose = random.Random(1)
    names = ["Müller", "Anna Schmidt", "José García", "O'Neil", "Li Wei"]
    places = ["Berlin", "München", "New York", '"Some City, Somewhere"', " Graz"]
    number = 0
    with path.open("w", encoding="utf-8") as file:
        file.write("id, Name ,email,amount,date,city,age,status,comment\n")
        while file.tell() < megabytes * 1_000_000:
            lines = []
            for _ in range(5000):
                number += 1
                amount = f'"{choose.randint(1, 9)},{choose.randint(100, 999)}.{choose.randint(10, 99)}"'
                date = f"{choose.randint(1, 28)}/{choose.randint(1, 12)}/2026"
                lines.append(
                    f"{number},{names[number % 5]},user{number}@example.com,{amount},{date},"
                    f"{places[number % 5]},{choose.randint(0, 100)},active,A longer piece of text\n"
                )
            file.write("".join(lines))


def make_rows(count: int) -> Any:
    """Yield rows of a workbook: numbers, a date, texts."""
    day = datetime.date(2026, 1, 1)
    texts = [f"value {number}" for number in range(100)]
    for number in range(count):
        yield [number, number * 1.5, day, *(texts[(number + column) % 100] for column in range(COLUMNS - 3))]


def clean_with_handler(path: Path, place: Path) -> None:
    from handlers.cleaning import CleaningOptions, clean_file

    clean_file(path, place, name=path.name, options=CleaningOptions(), report=lambda progress: None)


def clean_with_handler_and_duplicates(path: Path, place: Path) -> None:
    from handlers.cleaning import CleaningOptions, clean_file

    options = CleaningOptions(drop_duplicates=True)
    clean_file(path, place, name=path.name, options=options, report=lambda progress: None)


def trim_with_csv(path: Path, place: Path) -> None:
    with path.open(newline="", encoding="utf-8") as source, (place / "out.csv").open("w") as target:
        csv.writer(target).writerows([cell.strip() for cell in row] for row in csv.reader(source))


def trim_with_polars(path: Path, place: Path) -> None:
    import polars

    table = polars.scan_csv(path, infer_schema=False)
    table.select(polars.all().str.strip_chars()).sink_csv(place / "out.csv")


def trim_with_duckdb(path: Path, place: Path) -> None:
    import duckdb

    duckdb.sql(
        f"copy (select trim(columns(*)) from read_csv('{path}', all_varchar=true)) to '{place / 'out.csv'}'"
    )


def read_with_calamine(path: Path, place: Path) -> None:
    import python_calamine

    sheet = python_calamine.CalamineWorkbook.from_path(str(path)).get_sheet_by_index(0)
    assert sum(1 for _ in sheet.iter_rows())


def read_with_openpyxl(path: Path, place: Path) -> None:
    import openpyxl

    sheet = openpyxl.load_workbook(path, read_only=True).worksheets[0]
    assert sum(1 for _ in sheet.iter_rows(values_only=True))


def read_with_polars(path: Path, place: Path) -> None:
    import polars

    assert polars.read_excel(path, engine="calamine").height


def scan_with_expat(path: Path, place: Path) -> None:
    from handlers.cleaning.workbook import Archive, list_sheets, scan_sheet

    archive = Archive(path)
    assert scan_sheet(archive, list_sheets(archive)[0], advance=lambda done: None).cells


def write_with_rust(path: Path, place: Path) -> None:
    import rustpy_xlsxwriter

    names = [f"column {index}" for index in range(COLUMNS)]
    rows = (dict(zip(names, row, strict=True)) for row in make_rows(_rows(path)))
    rustpy_xlsxwriter.write_worksheet(rows, str(place / "out.xlsx"))


def write_with_xlsxwriter(path: Path, place: Path) -> None:
    import xlsxwriter

    options = {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False}
    book = xlsxwriter.Workbook(place / "out.xlsx", options)
    sheet = book.add_worksheet()
    day = book.add_format({"num_format": "yyyy-mm-dd"})
    for number, row in enumerate(make_rows(_rows(path))):
        for column, value in enumerate(row):
            if isinstance(value, str):
                sheet.write_string(number, column, value)
            elif isinstance(value, datetime.date):
                sheet.write_datetime(number, column, value, day)
            else:
                sheet.write_number(number, column, value)
    book.close()


def write_with_openpyxl(path: Path, place: Path) -> None:
    import openpyxl

    book = openpyxl.Workbook(write_only=True)
    sheet = book.create_sheet()
    for row in make_rows(_rows(path)):
        sheet.append(row)
    book.save(place / "out.xlsx")


def _rows(path: Path) -> int:
    return int(path.with_suffix(".rows").read_text())


Work = Callable[[Path, Path], None]
ON_CSV: dict[str, Work] = {
    "file.clean, everything, two passes": clean_with_handler,
    "file.clean with duplicates": clean_with_handler_and_duplicates,
    "csv module, trim only": trim_with_csv,
    "polars, trim only": trim_with_polars,
    "DuckDB, trim only": trim_with_duckdb,
}
ON_WORKBOOK: dict[str, Work] = {
    "file.clean, everything": clean_with_handler,
    "scan of extents (expat)": scan_with_expat,
    "read: python-calamine": read_with_calamine,
    "read: openpyxl read-only": read_with_openpyxl,
    "read: polars": read_with_polars,
    "write: rustpy-xlsxwriter": write_with_rust,
    "write: XlsxWriter constant_memory": write_with_xlsxwriter,
    "write: openpyxl write-only": write_with_openpyxl,
}


def measure(work: Work, path: Path) -> tuple[float, float, float] | None:
    """Run some work in a process of its own; return seconds, CPU seconds, peak MB, or None without it."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_run, args=(work, path, theirs))
    process.start()
    theirs.close()
    try:
        found: tuple[float, float, float] | None = ours.recv()
    except EOFError:
        found = None
    process.join()
    return found


def _run(work: Work, path: Path, answer: Any) -> None:
    with tempfile.TemporaryDirectory() as place:
        started, spent = time.perf_counter(), time.process_time()
        try:
            work(path, Path(place))
        except ImportError:
            answer.send(None)
            return
        seconds, cpu = time.perf_counter() - started, time.process_time() - spent
    peak = next(line for line in Path("/proc/self/status").read_text().splitlines() if "VmHWM" in line)
    answer.send((seconds, cpu, int(peak.split()[1]) / 1024))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--megabytes", type=int, default=100, help="size of the CSV")
    parser.add_argument("--rows", type=int, default=50_000, help=f"rows of {COLUMNS} cells of the workbook")
    options = parser.parse_args()
    versions = {}
    for name in ("python-calamine", "openpyxl", "rustpy-xlsxwriter", "XlsxWriter", "polars", "duckdb"):
        try:
            versions[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            versions[name] = "-"
    print(f"{platform.python_implementation()} {platform.python_version()}, {os.cpu_count()} cores")
    print(json.dumps(versions))
    with tempfile.TemporaryDirectory() as place:
        table, book = Path(place) / "table.csv", Path(place) / "book.xlsx"
        make_csv(table, options.megabytes)
        book.with_suffix(".rows").write_text(str(options.rows))
        write_with_rust(book, Path(place))
        (Path(place) / "out.xlsx").rename(book)
        for title, works, path in (("CSV", ON_CSV, table), ("XLSX", ON_WORKBOOK, book)):
            size = path.stat().st_size / 1e6
            print(f"\n{title}: {size:.0f} MB")
            print(f"{'':36}{'s':>8}{'CPU s':>8}{'MB/s':>8}{'kcell/s':>9}{'peak MB':>9}")
            for name, work in works.items():
                found = measure(work, path)
                if found is None:
                    print(f"{name:36}{'not installed':>16}")
                    continue
                seconds, cpu, peak = found
                on_csv = path == table
                speed = f"{size / seconds:.1f}" if on_csv else ""
                cells = "" if on_csv else f"{options.rows * COLUMNS / seconds / 1000:.0f}"
                print(f"{name:36}{seconds:8.2f}{cpu:8.2f}{speed:>8}{cells:>9}{peak:9.0f}")


if __name__ == "__main__":
    main()
