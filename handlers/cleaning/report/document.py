"""The report of one cleaning: counts, and a few samples of what each rule changed."""

import msgspec

MOST_COLUMNS = 500


class Sample(msgspec.Struct, frozen=True, omit_defaults=True):
    """One change: where, what was there, what is there now."""

    row: int
    column: str = ""
    before: str = ""
    after: str = ""
    reason: str = ""


class RuleReport(msgspec.Struct, frozen=True):
    """What one rule did.

    Attributes:
        rule: its word for programs.
        title: its name for people.
        unit: what is counted: "cells", "rows" or "columns".
        count: how many were changed.
        samples: the first few of them.
    """

    rule: str
    title: str
    unit: str
    count: int
    samples: tuple[Sample, ...]


class RowCounts(msgspec.Struct, frozen=True):
    """Where the rows went: `read` is the sum of the others."""

    read: int
    written: int
    blank: int
    duplicates: int
    rejected: int


class ColumnReport(msgspec.Struct, frozen=True):
    """A column of the cleaned file: its name, the name it had, and what it holds."""

    name: str
    was: str
    kind: str


class CleaningReport(msgspec.Struct, frozen=True):
    """The whole report; the page shows it and `report.json` holds it.

    Attributes:
        format, output_format: "csv", "tsv" or "xlsx".
        encoding, delimiter: of a text file as it was read, else empty.
        sheet: of a workbook, else empty.
        header_row: the number of the row with the column names, 0 where there was none.
        rows: how many went where.
        columns: of the cleaned file, the first 500.
        column_count: how many columns the cleaned file has.
        rules: only those that changed something.
    """

    format: str
    output_format: str
    encoding: str
    delimiter: str
    sheet: str
    header_row: int
    rows: RowCounts
    columns: tuple[ColumnReport, ...]
    column_count: int
    rules: tuple[RuleReport, ...]
