"""What a column holds, learned from all its cells before one of them is changed."""

from collections.abc import Sequence
from typing import Literal

import msgspec

from handlers.cleaning.table import Native
from handlers.cleaning.values import (
    MISSING,
    SEPARATOR,
    TO_SHAPE,
    Moment,
    Notation,
    NumberEvidence,
    Order,
    count_decimals,
    ends_in_zero,
    find_notation,
    find_order,
    has_time,
    is_date_shape,
    is_iso_shape,
    is_number_shape,
    is_simple,
    may_be_thousands,
    may_hold_formulas,
    read_moment,
)

# A column of more shapes than this holds text. Numbers in one notation have a few dozen.
_MOST_SHAPES = 400
_LONGEST_SHAPE = 64
_MOST_MOMENTS_KEPT = 50_000


Kind = Literal["text", "number", "date"]


class ColumnPlan(msgspec.Struct, frozen=True):
    """What is done to the cells of a column.

    Attributes:
        kind: what all its cells are, after the change.
        empty: whether it has no value at all.
        notation: of its numbers; None where they stay as they are.
        simple: whether its numbers can be rewritten all at once.
        order: of its dates; None where they stay as they are.
        with_time: whether its dates carry a time of day.
        suspicious: whether a cell may start a formula.
        ambiguous: why a column of numbers or dates was left alone, empty if it was not.
        missing: texts among its numbers or dates that stand for a missing value; they are emptied.
        decimals: how many its numbers have, where zeros at their end would not be seen without a format.
        fragile: why its numbers would be others in a workbook, so that they are written there as texts.
    """

    kind: Kind
    empty: bool
    notation: Notation | None = None
    simple: bool = False
    order: Order | None = None
    with_time: bool = False
    suspicious: bool = False
    ambiguous: Literal["", "number", "date", "missing"] = ""
    missing: frozenset[str] = frozenset()
    decimals: int = 0
    fragile: Literal["", "zeros", "thousands"] = ""


class ColumnProfile:
    """Collects what the cells of one column are; asks less and less of a column that is text anyway."""

    def __init__(self, *, numbers_wanted: bool, dates_wanted: bool) -> None:
        self.empty = True
        self._suspicious = False
        self._shapes: set[str] = set()
        self._missing: set[str] = set()
        # Of cells that are no numbers of a workbook already.
        self._text_shapes: set[str] = set()
        self._zeros = self._text_zeros = False
        self._candidate_number = numbers_wanted
        self._candidate_date = dates_wanted
        self._padded = self._zero_comma = self._zero_point = False
        self._moments: dict[str, Moment] = {}
        self._orders: set[tuple[bool, bool, bool]] = set()
        self._ancient = False

    @property
    def has_missing(self) -> bool:
        """Whether there are marks of missing values in what is numbers or dates so far."""
        return bool(self._missing) and (self._candidate_number or self._candidate_date)

    def learn(self, cells: Sequence[str], natives: Sequence[Native | None] | None = None) -> None:
        """Take in some cells of the column, trimmed, and which of them are no texts in a workbook."""
        if self.empty and not any(cells):
            return
        self.empty = False
        if self._suspicious and not (self._candidate_number or self._candidate_date):
            return
        joined = SEPARATOR + SEPARATOR.join(cells)
        if not self._suspicious:
            self._suspicious = may_hold_formulas(joined)
        if not (self._candidate_number or self._candidate_date):
            return
        if len(joined) > _LONGEST_SHAPE * (len(cells) + 8):
            self._candidate_number = self._candidate_date = False
            return
        shapes = set(joined.translate(TO_SHAPE).split(SEPARATOR)) - {""}
        if new := shapes - self._shapes - self._missing:
            self._learn_shapes(new)
        if self._candidate_number:
            self._learn_zeros(joined)
            self._learn_what_workbooks_change(cells, joined, shapes, natives)
        if self._candidate_date:
            self._learn_moments(cells)

    def plan(self, *, decimal: str, date_order: str, empties_missing: bool) -> ColumnPlan:
        """Say what the column is, once all its cells are known."""
        plan = ColumnPlan("text", self.empty, suspicious=self._suspicious)
        if not self._shapes:
            return plan
        found = self._number_plan(plan, decimal) if self._candidate_number else plan
        if found is plan and self._candidate_date:
            found = self._date_plan(plan, date_order)
        if self._missing and found.kind != "text":
            if not empties_missing:
                return msgspec.structs.replace(plan, ambiguous="missing")
            return msgspec.structs.replace(found, missing=frozenset(self._missing))
        return found

    def _number_plan(self, plan: ColumnPlan, decimal: str) -> ColumnPlan:
        evidence = NumberEvidence(self._padded, self._zero_comma, self._zero_point)
        notation = find_notation(self._shapes, evidence, decimal=decimal)
        if notation is None:
            is_open = decimal == "auto" and find_notation(self._shapes, evidence, decimal="point")
            return msgspec.structs.replace(plan, ambiguous="number") if is_open else plan
        decimals = count_decimals(self._shapes, notation)
        fragile: Literal["", "zeros", "thousands"] = ""
        if decimal == "auto" and notation == "plain":
            if may_be_thousands(self._text_shapes, evidence):
                fragile = "thousands"
            elif self._text_zeros and not decimals and not any("-" in shape for shape in self._shapes):
                fragile = "zeros"
        return msgspec.structs.replace(
            plan,
            kind="number",
            notation=None if notation == "plain" else notation,
            simple=is_simple(self._shapes),
            decimals=decimals if self._zeros else 0,
            fragile=fragile,
        )

    def _date_plan(self, plan: ColumnPlan, chosen: str) -> ColumnPlan:
        seen = [
            Moment("" if day_first else None, ("" if same else "x") if month_first else None)
            for day_first, month_first, same in self._orders
        ]
        order = find_order(seen, chosen=chosen)
        if order is None:
            both = all(day_first and month_first for day_first, month_first, _ in self._orders)
            return msgspec.structs.replace(plan, ambiguous="date" if both else "")
        return msgspec.structs.replace(
            plan,
            # Excel's calendar starts in 1900 and has a day too many before March of that year.
            kind="text" if self._ancient else "date",
            order=None if all(map(is_iso_shape, self._shapes)) else order,
            with_time=any(map(has_time, self._shapes)),
        )

    def _learn_shapes(self, shapes: set[str]) -> None:
        # They have no digits, so that they are their own shapes.
        missing = shapes & MISSING
        self._missing |= missing
        shapes -= missing
        self._shapes |= shapes
        if len(self._shapes) > _MOST_SHAPES or any(len(shape) > _LONGEST_SHAPE for shape in shapes):
            self._candidate_number = self._candidate_date = False
            return
        if self._candidate_number:
            self._candidate_number = all(map(is_number_shape, shapes))
        if self._candidate_date:
            self._candidate_date = all(map(is_date_shape, shapes))
        if not self._candidate_date:
            self._moments.clear()

    def _learn_zeros(self, joined: str) -> None:
        text = joined + SEPARATOR
        for sign in ("", "-", "+", "\u2212"):
            start = f"{SEPARATOR}{sign}0"
            zeros = text.count(start)
            if not zeros:
                continue
            commas, points = text.count(start + ","), text.count(start + ".")
            # Neighbours share a separator, so it is doubled to count a `0` after a `0`.
            doubled = text.replace(SEPARATOR, SEPARATOR * 2)
            alone = doubled.count(start + SEPARATOR) + text.count(f"{start}-{SEPARATOR}")
            self._zero_comma = self._zero_comma or commas > 0
            self._zero_point = self._zero_point or points > 0
            if zeros > commas + points + alone:
                self._padded = True
                self._candidate_number = False
                return

    def _learn_what_workbooks_change(
        self, cells: Sequence[str], joined: str, shapes: set[str], natives: Sequence[Native | None] | None
    ) -> None:
        """Notice zeros and thousands that a number in a workbook does not have."""
        if not self._zeros:
            self._zeros = ends_in_zero(joined + SEPARATOR, SEPARATOR)
        if natives is not None:
            texts = [cell for cell, native in zip(cells, natives, strict=True) if native is None]
            joined = SEPARATOR.join(["", *texts])
            shapes = set(joined.translate(TO_SHAPE).split(SEPARATOR)) - {""}
        self._text_shapes |= shapes - self._missing
        if self._zeros and not self._text_zeros:
            self._text_zeros = ends_in_zero(joined + SEPARATOR, SEPARATOR)

    def _learn_moments(self, cells: Sequence[str]) -> None:
        unknown = set(cells) - self._moments.keys() - self._missing
        unknown.discard("")
        if len(self._moments) > _MOST_MOMENTS_KEPT:
            self._moments.clear()
        for cell in unknown:
            moment = read_moment(cell)
            if moment is None:
                self._candidate_date = False
                self._moments.clear()
                return
            self._moments[cell] = moment
            first, second = moment.day_first, moment.month_first
            self._orders.add((first is not None, second is not None, first == second))
            self._ancient = self._ancient or (first or second or "") < "1900-03-01"
