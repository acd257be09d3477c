"""Brings the cells of columns into their one form."""

from collections.abc import Sequence

from handlers.cleaning.report import Tally
from handlers.cleaning.rules.columns import ColumnPlan
from handlers.cleaning.table import Batch
from handlers.cleaning.values import (
    SEPARATOR,
    escape_formulas,
    rewrite_date,
    rewrite_number,
    rewrite_simple,
)

_MEMORY = 50_000  # cells of a column whose one form is remembered


class Rewriter:
    """Brings the cells of the columns into their one form, by the columns' plans.

    Args:
        escape: whether cells that start a formula are made text.
    """

    def __init__(self, plans: Sequence[ColumnPlan], tally: Tally, *, escape: bool) -> None:
        self._plans = plans
        self._tally = tally
        self._escape = escape
        self._known: list[dict[str, str]] = [{} for _ in plans]

    def rewrite(self, batch: Batch) -> list[list[str]]:
        """Return the columns of a batch in their one form, and count what was changed."""
        return [self._column(index, batch.rows, cells) for index, cells in enumerate(batch.columns)]

    def _column(self, index: int, rows: Sequence[int], cells: list[str]) -> list[str]:
        plan = self._plans[index]
        if plan.missing:
            filled = ["" if cell in plan.missing else cell for cell in cells]
            self._tally.compare("missing_values", index, rows, cells, filled)
            cells = filled
        if plan.notation is None and plan.order is None:
            if plan.suspicious and plan.kind == "text" and self._escape:
                escaped = escape_formulas(cells)
                self._tally.compare("formulas", index, rows, cells, escaped)
                return escaped
            return cells
        if plan.notation is not None and plan.simple:
            joined = rewrite_simple(SEPARATOR.join(cells), plan.notation)
            written = joined.split(SEPARATOR) if cells else []
            self._tally.compare("numbers", index, rows, cells, written)
            return written
        known = self._known[index]
        if len(known) > _MEMORY:
            known.clear()
        if plan.notation is not None:
            for cell in set(cells).difference(known):
                known[cell] = rewrite_number(cell, plan.notation)
            rule = "numbers"
        elif plan.order is not None:
            for cell in set(cells).difference(known):
                known[cell] = rewrite_date(cell, plan.order)
            rule = "dates"
        written = list(map(known.__getitem__, cells))
        self._tally.compare(rule, index, rows, cells, written)
        return written
