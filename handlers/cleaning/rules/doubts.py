"""What the sender is told about columns of numbers and dates that were left alone, and how to settle it."""

from collections.abc import Sequence

from handlers.cleaning.report import list_names
from handlers.cleaning.rules.columns import ColumnPlan

_AMBIGUOUS = (
    (
        "number",
        "The numbers in {names} were left as they are: 1,234 could be 1234 or 1.234. The option “decimal "
        "sign” settles it.",
    ),
    (
        "date",
        "The dates in {names} were left as they are: every one of them could be day/month or month/day. The "
        "option “date order” settles it.",
    ),
    (
        "missing",
        "But for marks of missing values such as N/A, {names} would hold only numbers or dates. They were "
        "left as they are, since the option to empty marks is off, or a row of nothing but marks would be "
        "empty.",
    ),
)
_FRAGILE = (
    (
        "zeros",
        "The numbers in {names} were written as texts: as numbers of a workbook they would lose the zeros at "
        "their end, and 1.10 may be a version. The option “decimal sign” makes numbers of them.",
    ),
    (
        "thousands",
        "The numbers in {names} were written as texts: 10.000 could be 10000 or 10. The option “decimal "
        "sign” settles it.",
    ),
)


def describe_doubts(columns: Sequence[tuple[str, ColumnPlan]], *, in_workbook: bool) -> list[str]:
    """Return a warning for each reason why columns were left alone.

    Args:
        columns: their names and plans.
        in_workbook: whether they were written into a workbook.
    """
    found = [
        warning.format(names=list_names(names))
        for reason, warning in _AMBIGUOUS
        if (names := [name for name, plan in columns if plan.ambiguous == reason])
    ]
    for reason, warning in _FRAGILE if in_workbook else ():
        if names := [name for name, plan in columns if plan.fragile == reason]:
            found.append(warning.format(names=list_names(names)))
    return found
