"""Rows between reading and writing, column by column, and what they are read from."""

from collections.abc import Iterator, Sequence
from typing import Protocol

import msgspec

# What a cell of a workbook can be besides text. Texts and empty cells have no native value.
Native = float | int | bool


class Reject(msgspec.Struct, frozen=True):
    """A row that cannot be taken into the table.

    Attributes:
        row: its number in the file, from 1: the line it starts on, or the row of the sheet.
        reason: why, for people.
        cells: what it holds, as far as it could be read.
    """

    row: int
    reason: str
    cells: tuple[str, ...]


class Batch(msgspec.Struct, frozen=True):
    """Some rows of a table, as columns of equal length.

    Attributes:
        columns: the texts of the cells.
        rows: the number of each row in the file.
        natives: for each column the native values beside the texts, None where the column has none.
        blank: how many rows without any content were left out.
        rejects: rows that were set aside.
        clipped: how many rows had empty cells beyond the last column; they were cut off.
        padded: how many rows lacked cells at the end that the whole table lacks; they were filled up.
        mended: the numbers of the rows that were read in spite of a quote out of place.
        done: how much of the source is read, in its unit.
        may_be_untidy: whether a cell may hold more than spaces that a tidy cell does not hold.
    """

    columns: list[list[str]]
    rows: Sequence[int]
    natives: list[list[Native | None] | None] | None = None
    blank: int = 0
    rejects: tuple[Reject, ...] = ()
    clipped: int = 0
    padded: int = 0
    mended: tuple[int, ...] = ()
    done: int = 0
    may_be_untidy: bool = False


class Written(msgspec.Struct, frozen=True):
    """Rows that are ready to be written, column by column.

    Attributes:
        columns: texts in their one form.
        natives: for each column the native values beside the texts, None where there are none.
    """

    columns: list[list[str]]
    natives: list[list[Native | None] | None] | None


class Description(msgspec.Struct, frozen=True):
    """What a source turned out to be.

    Attributes:
        format: "csv", "tsv" or "xlsx".
        encoding: of a text file, else empty.
        delimiter: of a text file, one character; else empty.
        sheet: of a workbook, else empty.
        header_row: the number of the row with the names of the columns, 0 where there is none.
        unknown: columns, from 0, with formulas whose value is not known; they stay even where they are empty.
        warnings: what the sender should know about how it is read.
    """

    format: str
    header_row: int
    encoding: str = ""
    delimiter: str = ""
    sheet: str = ""
    unknown: frozenset[int] = frozenset()
    warnings: tuple[str, ...] = ()


class Source(Protocol):
    """A table that can be read several times from its start.

    Attributes:
        description: what it is.
        header: the cells of its header row, as many as it has columns.
        total, unit: what `Batch.done` counts up to, and what that is.
    """

    @property
    def description(self) -> Description: ...

    @property
    def header(self) -> Sequence[str]: ...

    @property
    def total(self) -> int: ...

    @property
    def unit(self) -> str: ...

    def batches(self) -> Iterator[Batch]: ...
