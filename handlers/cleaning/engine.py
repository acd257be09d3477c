"""Cleans one file: finds out what it is, learns its columns in a first pass, writes it in a second."""

import csv
import gc
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO

import msgspec

from handlers.cleaning.file_kinds import FileKind, identify, output_name
from handlers.cleaning.options import CleaningOptions, name_delimiter
from handlers.cleaning.report import (
    MOST_COLUMNS,
    CleaningReport,
    ColumnReport,
    Report,
    RowCounts,
    Sample,
    Steps,
    Tally,
    shorten,
)
from handlers.cleaning.rules import (
    MOST_CHARACTERS_IN_XLSX_CELL,
    ColumnPlan,
    ColumnProfile,
    HeaderRepeats,
    Rewriter,
    SeenRows,
    Sifter,
    Tidier,
    describe_doubts,
    has_hollow_row,
    name_columns,
    without_duplicates,
)
from handlers.cleaning.table import Batch, Source, Written
from handlers.cleaning.text import RejectedFile, TextTable, write_text
from handlers.cleaning.values import tidy_cell
from handlers.cleaning.workbook import ROWS_A_SHEET, WorkbookTable, write_workbook

_TEXT_STEPS = (("looking at the file", 2), ("checking rows", 45), ("writing the result", 53))
_WORKBOOK_STEPS = (
    ("checking the workbook", 25),
    ("reading the sheet", 15),
    ("checking rows", 25),
    ("writing the result", 35),
)


Create = Callable[[Path], BinaryIO]


def _create(path: Path) -> BinaryIO:
    return path.open("xb")


class CleanedFile(msgspec.Struct, frozen=True):
    """What came out.

    Attributes:
        path: the cleaned file, in the directory that was given.
        name: what it is to be called.
        rejected: the rows that were set aside, None where there are none.
        report: what was done.
        report_path: the report as JSON.
        warnings: what the sender should know.
    """

    path: Path
    name: str
    rejected: Path | None
    report: CleaningReport
    report_path: Path
    warnings: tuple[str, ...]


def clean_file(
    path: Path,
    directory: Path,
    *,
    name: str,
    options: CleaningOptions,
    report: Report,
    create: Create = _create,
) -> CleanedFile:
    """Clean a CSV, TSV or XLSX file.

    Args:
        path: the file; it is not changed.
        directory: an empty directory to write in.
        name: what its owner calls it.
        options: how it is to be cleaned.
        report: called with the progress, many times a second.
        create: makes a file by its path, to write it.

    Raises:
        CleaningError: the file cannot be cleaned; its texts are for the sender.
    """
    with _tuned_for_tables():
        kind = identify(path, name)
        steps = Steps(_WORKBOOK_STEPS if kind == "xlsx" else _TEXT_STEPS, report)
        source = _open(path, kind, directory, options, steps)
        return _Cleaning(source, directory, name, options, steps, create).run()


@contextmanager
def _tuned_for_tables() -> Iterator[None]:
    """Millions of short texts and no cycles: the collector would only walk them. Cells may be long."""
    limit = csv.field_size_limit(1 << 30)
    was_enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        csv.field_size_limit(limit)
        if was_enabled:
            gc.enable()


def _open(path: Path, kind: FileKind, directory: Path, options: CleaningOptions, steps: Steps) -> Source:
    if kind == "text":
        steps.begin("looking at the file")
        steps.advance(0, 1, "bytes")
        return TextTable(path, options)
    steps.begin("checking the workbook")
    return WorkbookTable(
        path,
        options,
        directory=directory,
        scanned=lambda done, total: steps.advance(done, total, "bytes"),
        reading=lambda: steps.begin("reading the sheet"),
    )


class _Cleaning:
    """One run over one source."""

    def __init__(
        self,
        source: Source,
        directory: Path,
        name: str,
        options: CleaningOptions,
        steps: Steps,
        create: Create,
    ) -> None:
        self._source = source
        self._create = create
        self._directory = directory
        self._name = name
        self._options = options
        self._steps = steps
        self._output = source.description.format if options.output == "same" else options.output
        self._warnings = list(source.description.warnings)
        escape, named = options.escape_formulas, source.description.header_row > 0
        self._names = name_columns(source.header, named=named, escape=escape)
        self._tally = Tally(self._names)
        self._tidier = Tidier(self._tally)
        self._sifter = Sifter(
            HeaderRepeats([tidy_cell(cell) for cell in source.header], self._names)
            if named
            else HeaderRepeats(),
            most_characters=MOST_CHARACTERS_IN_XLSX_CELL if self._output == "xlsx" else 0,
        )
        self._rejected = RejectedFile(lambda: create(directory / "rejected.csv"), self._names, escape=escape)
        self._rows = self._read = self._written = 0

    def run(self) -> CleanedFile:
        """Make both passes and return what came out."""
        plans, most_rows = self._profile()
        drops_empty = self._options.drop_empty_columns and most_rows > 0
        unknown = self._source.description.unknown
        kept = [
            index for index, plan in enumerate(plans) if not (plan.empty and drops_empty) or index in unknown
        ]
        self._count_header(set(range(len(plans))).difference(kept))
        path = self._directory / f"cleaned.{self._output}"
        try:
            self._write(path, plans, kept, most_rows)
        finally:
            self._rejected.close()
        return self._finish(path, plans, kept)

    def _profile(self) -> tuple[list[ColumnPlan], int]:
        """Read all rows once; say what each column holds and how many rows there are at most to write."""
        options = self._options
        profiles = [
            ColumnProfile(numbers_wanted=options.normalize_numbers, dates_wanted=options.normalize_dates)
            for _ in self._names
        ]
        self._steps.begin("checking rows")
        rows = 0
        # A row of nothing but marks would be empty without them, and gone the next time.
        hollow = False
        for batch in self._source.batches():
            sifted = self._sifter.sift(batch, self._tidier.learn(batch))
            natives = sifted.natives or [None] * len(profiles)
            for profile, cells, native in zip(profiles, sifted.columns, natives, strict=True):
                profile.learn(cells, native)
            if not hollow and any(profile.has_missing for profile in profiles):
                hollow = has_hollow_row(sifted.columns)
            rows += len(sifted.rows)
            self._rows += len(sifted.rows) + sifted.blank + len(sifted.rejects)
            self._steps.advance(batch.done, self._source.total, self._source.unit)
        plans = [
            profile.plan(
                decimal=options.decimal,
                date_order=options.date_order,
                empties_missing=options.empty_missing and not hollow,
            )
            for profile in profiles
        ]
        if self._output == "xlsx":
            plans = [msgspec.structs.replace(plan, kind="text") if plan.fragile else plan for plan in plans]
        return plans, rows

    def _write(self, path: Path, plans: list[ColumnPlan], kept: list[int], most_rows: int) -> None:
        names = [self._names[index] for index in kept]
        rows = self._rewritten(plans, kept)
        if self._output != "xlsx":
            file = self._create(path)
            write_text(file, names, rows, delimiter=self._delimiter(), mark=self._options.excel_bom)
            return
        written = [plans[index] for index in kept]
        sheets = write_workbook(path, names, written, rows, most_rows=most_rows)
        if sheets > 1:
            self._warnings.append(
                f"A sheet holds {ROWS_A_SHEET:,} rows below its header, so the result has {sheets} sheets."
            )

    def _delimiter(self) -> str:
        if self._output == "tsv":
            return "\t"
        read = self._source.description.delimiter
        return read if self._options.output == "same" and read in (";", "|") else ","

    def _rewritten(self, plans: list[ColumnPlan], kept: list[int]) -> Iterator[Written]:
        """Read all rows once more and yield them as they are to be written."""
        rewriter = Rewriter(plans, self._tally, escape=self._options.escape_formulas)
        seen = SeenRows(self._directory) if self._options.drop_duplicates else None
        self._steps.begin("writing the result")
        for batch in self._source.batches():
            sifted = self._sifter.sift(batch, self._tidier.tidy(batch))
            self._count_rows(sifted)
            self._rejected.write(sifted.rejects)
            columns = rewriter.rewrite(sifted)
            natives = sifted.natives and [sifted.natives[index] for index in kept]
            written = Written([columns[index] for index in kept], natives)
            if seen is not None and sifted.rows:
                written = without_duplicates(written, sifted.rows, seen, self._tally)
            self._written += len(written.columns[0])
            yield written
            self._steps.advance(self._read, self._rows, "rows")
        if seen is not None:
            seen.close()

    def _count_rows(self, batch: Batch) -> None:
        self._read += len(batch.rows) + batch.blank + len(batch.rejects)
        self._tally.count("blank_rows", batch.blank)
        self._tally.count("extra_cells", batch.clipped)
        self._tally.count("missing_cells", batch.padded)
        self._tally.count("rejected", len(batch.rejects))
        self._count_mended(batch)
        for reject in batch.rejects:
            if not self._tally.wants_samples("rejected"):
                break
            shown = shorten(" | ".join(reject.cells))
            self._tally.sample("rejected", Sample(reject.row, before=shown, reason=reject.reason))

    def _count_mended(self, batch: Batch) -> None:
        # Rows that are left out for another reason are not read at all.
        mended = set(batch.mended).intersection(batch.rows) if batch.mended else set()
        self._tally.count("quotes", len(mended))
        for row in sorted(mended):
            if not self._tally.wants_samples("quotes"):
                break
            index = batch.rows.index(row)
            shown = " | ".join(cells[index] for cells in batch.columns)
            self._tally.sample("quotes", Sample(row, after=shorten(shown)))

    def _count_header(self, dropped: set[int]) -> None:
        row = self._source.description.header_row
        for index, (was, name) in enumerate(zip(self._source.header, self._names, strict=True)):
            if index in dropped:
                self._tally.count("empty_columns", 1)
                self._tally.sample("empty_columns", Sample(row, shorten(name), shorten(was)))
            elif was != name and row:
                self._tally.count("headers", 1)
                self._tally.sample("headers", Sample(row, shorten(name), shorten(was), shorten(name)))

    def _finish(self, path: Path, plans: list[ColumnPlan], kept: list[int]) -> CleanedFile:
        self._warn([(self._names[index], plans[index]) for index in kept])
        description = self._source.description
        report = CleaningReport(
            format=description.format,
            output_format=self._output,
            encoding=description.encoding,
            delimiter=name_delimiter(description.delimiter),
            sheet=description.sheet,
            header_row=description.header_row,
            rows=RowCounts(
                read=self._read,
                written=self._written,
                blank=self._tally.counted("blank_rows"),
                duplicates=self._tally.counted("duplicates"),
                rejected=self._rejected.count,
            ),
            columns=tuple(
                ColumnReport(
                    shorten(self._names[index]), shorten(self._source.header[index]), plans[index].kind
                )
                for index in kept[:MOST_COLUMNS]
            ),
            column_count=len(kept),
            rules=self._tally.rules(),
        )
        report_path = self._directory / "report.json"
        document = {"warnings": self._warnings, **msgspec.to_builtins(report)}
        report_path.write_bytes(msgspec.json.format(msgspec.json.encode(document), indent=2))
        return CleanedFile(
            path,
            output_name(self._name, path.suffix),
            self._directory / "rejected.csv" if self._rejected.count else None,
            report,
            report_path,
            tuple(self._warnings),
        )

    def _warn(self, columns: list[tuple[str, ColumnPlan]]) -> None:
        self._warnings += describe_doubts(columns, in_workbook=self._output == "xlsx")
        if self._rejected.count:
            self._warnings.append(
                f"{self._rejected.count:,} rows could not be taken into the table; they are in rejected.csv "
                "with the reason."
            )
        if not self._written:
            self._warnings.append(
                "No row could be taken into the table; the result holds only the header."
                if self._rejected.count
                else "The file has no rows below its header. Check that the right file was chosen."
            )
