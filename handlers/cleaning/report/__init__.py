"""What the sender is told: how far the work is while it runs, and what was changed when it is done.

Everything here is about telling. Nothing decides how a table is cleaned.
"""

from handlers.cleaning.report.document import (
    MOST_COLUMNS,
    CleaningReport,
    ColumnReport,
    RowCounts,
    RuleReport,
    Sample,
)
from handlers.cleaning.report.progress import Report, StepProgress, Steps
from handlers.cleaning.report.showing import list_names, shorten, show_undecoded
from handlers.cleaning.report.tally import Tally

__all__ = [
    "MOST_COLUMNS",
    "CleaningReport",
    "ColumnReport",
    "Report",
    "RowCounts",
    "RuleReport",
    "Sample",
    "StepProgress",
    "Steps",
    "Tally",
    "list_names",
    "shorten",
    "show_undecoded",
]
