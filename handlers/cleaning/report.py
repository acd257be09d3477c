"""What was changed and why: counts and a few samples for each rule."""

from collections.abc import Iterable, Sequence
from itertools import compress
from operator import ne

import msgspec

MOST_SAMPLES = 5
MOST_COLUMNS = 500
_LONGEST_SAMPLE = 80

# Rule, what people read, what is counted. The order is that of the report.
RULES: tuple[tuple[str, str, str], ...] = (
    ("controls", "Control characters removed", "cells"),
    ("line_breaks", "Line breaks inside cells brought to one form", "cells"),
    ("trim", "Spaces around the text removed", "cells"),
    ("headers", "Column names made unique and complete", "cells"),
    ("numbers", "Numbers brought to one form", "cells"),
    ("dates", "Dates brought to one form", "cells"),
    ("formulas", "Cells made safe that a spreadsheet would run as formulas", "cells"),
    ("empty_columns", "Empty columns removed", "columns"),
    ("blank_rows", "Empty rows removed", "rows"),
    ("extra_cells", "Empty cells beyond the last column cut off", "rows"),
    ("missing_cells", "Missing cells at the end filled up as empty", "rows"),
    ("duplicates", "Duplicate rows removed", "rows"),
    ("rejected", "Rows set aside in rejected.csv", "rows"),
)
_KNOWN = {rule for rule, _, _ in RULES}


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


class Tally:
    """Counts the changes of each rule and keeps the first samples."""

    def __init__(self, names: Sequence[str]) -> None:
        """Args:
        names: of the columns, by which samples say where they are from.
        """
        self._names = names
        self._counts: dict[str, int] = {}
        self._samples: dict[str, list[Sample]] = {}

    def count(self, rule: str, number: int) -> None:
        """Add to a rule's count without a sample."""
        assert rule in _KNOWN, rule
        if number:
            self._counts[rule] = self._counts.get(rule, 0) + number

    def sample(self, rule: str, sample: Sample) -> None:
        """Keep a sample, if the rule has not enough of them."""
        samples = self._samples.setdefault(rule, [])
        if len(samples) < MOST_SAMPLES:
            samples.append(sample)

    def wants_samples(self, rule: str) -> bool:
        """Whether the rule has not enough samples yet."""
        return len(self._samples.get(rule, ())) < MOST_SAMPLES

    def compare(
        self, rule: str, column: int, rows: Sequence[int], before: Sequence[str], after: Sequence[str]
    ) -> bool:
        """Count the cells of a column that differ; returns whether there are any."""
        if before == after:
            return False
        changed = list(map(ne, before, after))
        number = sum(changed)
        if not number:
            return False
        self.count(rule, number)
        if self.wants_samples(rule):
            for row, old, new in compress(zip(rows, before, after, strict=True), changed):
                self.sample(rule, Sample(row, self._names[column], shorten(old), shorten(new)))
                if not self.wants_samples(rule):
                    break
        return True

    def counted(self, rule: str) -> int:
        """How many changes a rule has made so far."""
        return self._counts.get(rule, 0)

    def rules(self) -> tuple[RuleReport, ...]:
        """Return what each rule did, those that did nothing left out."""
        return tuple(
            RuleReport(rule, title, unit, self._counts[rule], tuple(self._samples.get(rule, ())))
            for rule, title, unit in RULES
            if self._counts.get(rule)
        )


def shorten(text: str) -> str:
    """Return a text as a sample shows it: not too long, and nothing that cannot be shown."""
    if len(text) > _LONGEST_SAMPLE:
        text = text[: _LONGEST_SAMPLE - 1] + "…"
    return show_undecoded(text)


def show_undecoded(text: str) -> str:
    """Return a text with the bytes that could not be decoded written as `\\xNN`."""
    if text.isascii():
        return text
    return "".join(
        f"\\x{ord(character) - 0xDC00:02x}"
        if "\udc80" <= character <= "\udcff"
        else f"\\u{ord(character):04x}"
        if "\ud800" <= character <= "\udfff"
        else character
        for character in text
    )


def list_names(names: Iterable[str], *, most: int = 5) -> str:
    """Return names as one text for a sentence: the first few, and how many more there are."""
    known = [f"“{shorten(name)}”" for name in names]
    more = f" and {len(known) - most} more" if len(known) > most else ""
    return ", ".join(known[:most]) + more
