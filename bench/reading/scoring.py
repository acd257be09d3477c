"""How much of a table a reader got: the ten measures of the Pollock benchmark of CSV readers.

G. Vitagliano and others, Pollock: A Data Loading Benchmark, PVLDB 16(8), 2023: whether the file is read at
all, and precision, recall and F1 of header, records and cells; each from 0 to 1, ten the best sum. Records
are equal if they hold the same values in the same order, wherever these are cut; neither the order of records
nor that of cells counts.
"""

from collections import Counter
from collections.abc import Iterable

from bench.reading.tables import Table

Rows = list[list[str]]


def score(meant: Table, read: Rows | None) -> float:
    """Return the sum of the ten measures.

    Args:
        read: the rows that a reader returns, its header first; None where it refuses the file.
    """
    if read is None:
        return 0.0
    below = read[1:]
    records = _compare(map("".join, meant.rows), map("".join, below))
    if meant.names is None:
        # Readers name such columns as they like; who takes the first row for names lacks a record.
        header, lines = records, [*meant.rows, read[0] if read else []]
    else:
        header, lines = _compare(meant.names, read[0] if read else []), meant.lines
    cells = _compare((cell for row in lines for cell in row), (cell for row in read for cell in row))
    return 1.0 + sum(header) + sum(records) + sum(cells)


def is_same_table(meant: Table, read: Rows | None) -> bool:
    """Whether every cell of a table is where it belongs, but for the names of columns that have none."""
    if not read:
        return False
    return read[1:] == meant.rows and (meant.names is None or read[0] == meant.names)


def _compare(meant: Iterable[str], read: Iterable[str]) -> tuple[float, float, float]:
    ours, theirs = Counter(map(str.strip, meant)), Counter(map(str.strip, read))
    if not ours:
        return 1.0, 1.0, 1.0
    common = (ours & theirs).total()
    if not common:
        return 0.0, 0.0, 0.0
    recall, precision = common / ours.total(), common / theirs.total()
    return precision, recall, 2 * precision * recall / (precision + recall)
