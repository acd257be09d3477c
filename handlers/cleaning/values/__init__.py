"""What the text of a single cell means and how it is written: numbers, dates, formulas, what disturbs it.

Pure functions from text to text; a column is judged by the shapes of its cells (every digit a 9), of which
millions of cells have a handful. Nothing here knows rows, columns or files.
"""

from handlers.cleaning.values.cells import (
    SEPARATOR,
    even_breaks,
    holds_controls,
    holds_windows_letters,
    may_be_untidy,
    remove_controls,
    restore_letters,
    tidy_cell,
    tidy_name,
    unwrap_text,
)
from handlers.cleaning.values.dates import (
    Moment,
    Order,
    find_order,
    has_time,
    is_date_shape,
    is_iso_shape,
    read_moment,
    rewrite_date,
)
from handlers.cleaning.values.formulas import escape_formula, escape_formulas, may_hold_formulas
from handlers.cleaning.values.kinds import kind_of, whole_number
from handlers.cleaning.values.missing import MISSING
from handlers.cleaning.values.numbers import (
    TO_SHAPE,
    Notation,
    NumberEvidence,
    count_decimals,
    ends_in_zero,
    find_notation,
    is_number_shape,
    is_simple,
    may_be_thousands,
    rewrite_number,
    rewrite_simple,
)

__all__ = [
    "MISSING",
    "SEPARATOR",
    "TO_SHAPE",
    "Moment",
    "Notation",
    "NumberEvidence",
    "Order",
    "count_decimals",
    "ends_in_zero",
    "escape_formula",
    "escape_formulas",
    "even_breaks",
    "find_notation",
    "find_order",
    "has_time",
    "holds_controls",
    "holds_windows_letters",
    "is_date_shape",
    "is_iso_shape",
    "is_number_shape",
    "is_simple",
    "kind_of",
    "may_be_thousands",
    "may_be_untidy",
    "may_hold_formulas",
    "read_moment",
    "remove_controls",
    "restore_letters",
    "rewrite_date",
    "rewrite_number",
    "rewrite_simple",
    "tidy_cell",
    "tidy_name",
    "unwrap_text",
    "whole_number",
]
