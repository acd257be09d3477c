"""Counts what each rule changes and keeps the first samples of it."""

from collections.abc import Sequence
from itertools import compress
from operator import ne

from handlers.cleaning.report.document import RuleReport, Sample
from handlers.cleaning.report.showing import shorten

MOST_SAMPLES = 5

# The rule's word for programs, its title for people, what it counts; in the order of the report.
RULES: tuple[tuple[str, str, str], ...] = (
    ("controls", "Control characters and stray byte order marks removed", "cells"),
    ("windows_letters", "Letters of Windows-1252 that had become control characters restored", "cells"),
    ("line_breaks", "Line breaks inside cells brought to one form", "cells"),
    ("trim", "Spaces around the text removed", "cells"),
    ("text_formulas", 'Texts written as formulas (="007") taken as texts', "cells"),
    ("quotes", "Rows read in spite of a quote out of place", "rows"),
    ("headers", "Column names made unique and complete", "cells"),
    ("missing_values", "Marks of missing values emptied among numbers and dates", "cells"),
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


class Tally:
    """Counts the changes of each rule and keeps the first samples.

    Args:
        names: of the columns, by which samples say where they come from.
    """

    def __init__(self, names: Sequence[str]) -> None:
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
        """Count the cells of a column that differ and say whether there are any."""
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
