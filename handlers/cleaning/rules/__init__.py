"""The rules of the cleaning: for names, columns and rows, on batches, in memory.

The first pass learns (`Tidier.learn`, `Sifter`, `ColumnProfile`), the second writes (`Tidier.tidy`, `Sifter`,
`Rewriter`, `SeenRows`); each rule counts in a `Tally` what it changed.
"""

from handlers.cleaning.rules.columns import ColumnPlan, ColumnProfile
from handlers.cleaning.rules.doubts import describe_doubts
from handlers.cleaning.rules.duplicates import SeenRows, without_duplicates
from handlers.cleaning.rules.header import Header, count_columns, find_header, names_columns
from handlers.cleaning.rules.names import name_columns
from handlers.cleaning.rules.repeats import HeaderRepeats
from handlers.cleaning.rules.rewriting import Rewriter
from handlers.cleaning.rules.sifting import MOST_CHARACTERS_IN_XLSX_CELL, Sifter, has_hollow_row
from handlers.cleaning.rules.tidying import Tidier

__all__ = [
    "MOST_CHARACTERS_IN_XLSX_CELL",
    "ColumnPlan",
    "ColumnProfile",
    "Header",
    "HeaderRepeats",
    "Rewriter",
    "SeenRows",
    "Sifter",
    "Tidier",
    "count_columns",
    "describe_doubts",
    "find_header",
    "has_hollow_row",
    "name_columns",
    "names_columns",
    "without_duplicates",
]
