"""Cleans tables in tests: text in, what came out as values that are easy to compare."""

import csv
import io
import tempfile
from pathlib import Path
from typing import Any

import msgspec
import openpyxl
import pytest

from handlers.cleaning import CleaningError, CleaningOptions, StepProgress, clean_file
from handlers.cleaning.report import CleaningReport, RuleReport


class Outcome(msgspec.Struct, frozen=True):
    """What a cleaning gave.

    Attributes:
        content: the cleaned file.
        rejected: the rows of rejected.csv, its header left out.
    """

    name: str
    content: bytes
    rejected: list[list[str]]
    report: CleaningReport
    warnings: tuple[str, ...]
    progress: list[StepProgress]

    @property
    def text(self) -> str:
        return self.content.decode("utf-8")

    @property
    def rows(self) -> list[list[str]]:
        """The rows of a CSV with its header."""
        delimiter = "\t" if self.name.endswith(".tsv") else ","
        return list(csv.reader(io.StringIO(self.text, newline=""), delimiter=delimiter, strict=True))

    @property
    def sheet(self) -> list[tuple[Any, ...]]:
        """The rows of a workbook's first sheet with its header."""
        book = openpyxl.load_workbook(io.BytesIO(self.content))
        return list(book.worksheets[0].iter_rows(values_only=True))

    def rule(self, name: str) -> RuleReport | None:
        """What one rule did, None if it did nothing."""
        return next((each for each in self.report.rules if each.rule == name), None)

    def count(self, name: str) -> int:
        """How many changes one rule made."""
        rule = self.rule(name)
        return rule.count if rule else 0


def clean(content: str | bytes, *, name: str = "data.csv", **options: Any) -> Outcome:
    """Clean a file with some content."""
    with tempfile.TemporaryDirectory() as place:
        directory = Path(place)
        source = directory / "input"
        source.write_bytes(content.encode() if isinstance(content, str) else content)
        scratch = directory / "scratch"
        scratch.mkdir()
        progress: list[StepProgress] = []
        cleaned = clean_file(
            source, scratch, name=name, options=CleaningOptions(**options), report=progress.append
        )
        rejected: list[list[str]] = []
        if cleaned.rejected:
            with cleaned.rejected.open(encoding="utf-8", newline="") as file:
                rejected = list(csv.reader(file, strict=True))[1:]
        return Outcome(
            cleaned.name,
            cleaned.path.read_bytes(),
            rejected,
            cleaned.report,
            cleaned.warnings,
            progress,
        )


def column(values: list[str], **options: Any) -> list[str]:
    """Clean one column of texts beside another one that keeps every row, and return its cells."""
    lines = io.StringIO()
    csv.writer(lines, lineterminator="\n").writerows([["name", "value"], *(["x", value] for value in values)])
    cleaned = clean(lines.getvalue(), drop_empty_columns=False, **options)
    assert not cleaned.rejected, cleaned.rejected
    return [row[1] for row in cleaned.rows[1:]]


def refusal(content: str | bytes, *, name: str = "data.csv", **options: Any) -> CleaningError:
    """Return the error with which a file is refused."""
    with pytest.raises(CleaningError) as caught:
        clean(content, name=name, **options)
    error = caught.value
    assert error.title.endswith((".", "?")), error.title
    assert error.detail.endswith("."), error.detail
    return error
