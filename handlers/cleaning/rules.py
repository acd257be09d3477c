"""The rules for cells, names and rows: each is a small function, counted where it is applied."""

import re
from collections.abc import Sequence
from itertools import compress

from handlers.cleaning import dates, numbers
from handlers.cleaning.batches import Batch, Native, Reject
from handlers.cleaning.columns import FORMULA_STARTS, ColumnPlan
from handlers.cleaning.header import HeaderRepeats
from handlers.cleaning.report import Tally, show_undecoded

# What no cell of a table has a use for, and what XLSX cannot hold; tab and line break stay.
_CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])
_HAS_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ZERO_WIDTH = "\ufeff\u200b\u200e\u200f"

# A number, a telephone number or a dash: they start like a formula and are none.
_HARMLESS = re.compile(r"[+\-] ?[$€£¥₩₹]? ?[\d.,']*\d(?:[eE][+\-]?\d+)?(?: ?[%$€£¥₩₹])?|\+\d[\d ()]*|-+")

MOST_CHARACTERS_IN_XLSX_CELL = 32_767
_MEMORY = 50_000
_CELL = "\x1f"


def name_columns(header: Sequence[str], *, named: bool, escape: bool) -> list[str]:
    """Return a name for every column: trimmed, none empty, no two alike.

    Args:
        header: the cells of the header row.
        named: whether they are names; else the columns are numbered.
        escape: whether names that start a formula are made text.
    """

    def written(name: str) -> str:
        return escape_formula(name) if escape else name

    wanted = [written(_tidy_name(cell)) if named else "" for cell in header]
    # A name that is there already keeps its place: `a, a, a_2` becomes `a, a_3, a_2`.
    reserved = {name.casefold() for name in wanted}
    names: list[str] = []
    taken: set[str] = set()
    for index, name in enumerate(wanted, start=1):
        stem = name or f"column_{index}"
        unique = stem
        number = 2
        while unique.casefold() in taken or (unique != name and unique.casefold() in reserved):
            # -5 is a number, but -5_2 is a formula.
            unique = written(f"{stem}_{number}")
            number += 1
        taken.add(unique.casefold())
        names.append(unique)
    return names


def tidy_cell(text: str) -> str:
    """Return a cell as `Tidier` leaves it."""
    return _even_breaks(text.translate(_CONTROLS)).strip()


def _tidy_name(text: str) -> str:
    return " ".join(show_undecoded(text).translate(_CONTROLS).strip().strip(_ZERO_WIDTH).split())


class Tidier:
    """Removes what surrounds and disturbs the text of cells.

    The first pass learns which columns need what; the second only does that.
    """

    def __init__(self, tally: Tally) -> None:
        self._tally = tally
        self._trimmed: set[int] = set()
        self._disturbed: set[int] = set()

    def learn(self, batch: Batch) -> list[list[str]]:
        """Return the tidied columns of a batch of the first pass, and count what was done."""
        tidied = []
        for index, cells in enumerate(batch.columns):
            if batch.may_hold_controls:
                cells = self._calm(index, batch.rows, cells)
            stripped = list(map(str.strip, cells))
            # strip returns the same object where there is nothing to strip, which makes this cheap.
            if stripped != cells:
                self._tally.compare("trim", index, batch.rows, cells, stripped)
                self._trimmed.add(index)
            tidied.append(stripped)
        return tidied

    def tidy(self, batch: Batch) -> list[list[str]]:
        """Return the tidied columns of a batch of the second pass."""
        if not self._trimmed and not self._disturbed:
            return batch.columns
        columns = list(batch.columns)
        if batch.may_hold_controls:
            for index in self._disturbed:
                columns[index] = [_even_breaks(cell.translate(_CONTROLS)) for cell in columns[index]]
        for index in self._trimmed:
            columns[index] = list(map(str.strip, columns[index]))
        return columns

    def _calm(self, index: int, rows: Sequence[int], cells: list[str]) -> list[str]:
        joined = "".join(cells)
        if _HAS_CONTROL.search(joined):
            without = [cell.translate(_CONTROLS) for cell in cells]
            self._tally.compare("controls", index, rows, cells, without)
            self._disturbed.add(index)
            cells = without
        if "\r" in joined:
            even = list(map(_even_breaks, cells))
            # A line break at the very end is trimmed anyway; it is not counted twice.
            self._tally.compare("line_breaks", index, rows, cells, even)
            self._disturbed.add(index)
            cells = even
        return cells


def _even_breaks(text: str) -> str:
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


class Sifter:
    """Leaves out the rows that are none: empty ones, repeated headers, those the output cannot hold.

    Both passes sift alike: what a column holds must not depend on rows that are not written.

    Args:
        repeats: finds rows that repeat the header.
        most_characters: of a cell, 0 for no limit.
    """

    def __init__(self, repeats: HeaderRepeats, *, most_characters: int = 0) -> None:
        self._repeats = repeats
        self._most_characters = most_characters

    def sift(self, batch: Batch, columns: list[list[str]]) -> Batch:
        """Return the batch with its tidied columns and without such rows."""
        if not columns or not columns[0]:
            return _replace(batch, columns, batch.rows, batch.natives)
        drop: dict[int, Reject | None] = {}
        if all("" in cells for cells in columns):
            drop.update((index, None) for index, row in enumerate(zip(*columns, strict=True)) if not any(row))
        for index in self._repeats.find(columns):
            row = tuple(cells[index] for cells in columns)
            drop[index] = Reject(batch.rows[index], "repeats the header row", row)
        if self._most_characters:
            self._find_long(batch, columns, drop)
        if not drop:
            return _replace(batch, columns, batch.rows, batch.natives)
        keep = [index not in drop for index in range(len(columns[0]))]
        rejects = [reject for reject in drop.values() if reject is not None]
        return _replace(
            batch,
            [list(compress(cells, keep)) for cells in columns],
            list(compress(batch.rows, keep)),
            batch.natives and [cells and list(compress(cells, keep)) for cells in batch.natives],
            blank=len(drop) - len(rejects),
            rejects=rejects,
        )

    def _find_long(self, batch: Batch, columns: list[list[str]], drop: dict[int, Reject | None]) -> None:
        # Counted in UTF-16 units as Excel does; one is kept free for the mark of a formula.
        for number, cells in enumerate(columns, start=1):
            if max(map(len, cells)) * 2 < self._most_characters:
                continue
            for index, cell in enumerate(cells):
                length = len(cell.encode("utf-16-le", "surrogatepass")) // 2
                if length >= self._most_characters:
                    row = tuple(each[index] for each in columns)
                    reason = (
                        f"has {length} characters in cell {number}, XLSX holds {self._most_characters - 1}"
                    )
                    drop[index] = Reject(batch.rows[index], reason, row)


def _replace(
    batch: Batch,
    columns: list[list[str]],
    rows: Sequence[int],
    natives: list[list[Native | None] | None] | None,
    *,
    blank: int = 0,
    rejects: Sequence[Reject] = (),
) -> Batch:
    return Batch(
        columns,
        rows,
        natives,
        blank=batch.blank + blank,
        rejects=tuple(sorted((*batch.rejects, *rejects), key=lambda reject: reject.row))
        if rejects
        else batch.rejects,
        clipped=batch.clipped,
        padded=batch.padded,
        done=batch.done,
        may_hold_controls=batch.may_hold_controls,
    )


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
        if plan.notation is None and plan.order is None:
            if plan.suspicious and plan.kind == "text" and self._escape:
                escaped = [escape_formula(cell) if cell[:1] in _STARTS and cell else cell for cell in cells]
                self._tally.compare("formulas", index, rows, cells, escaped)
                return escaped
            return cells
        if plan.notation is not None and plan.simple:
            joined = numbers.rewrite_simple(_CELL.join(cells), plan.notation)
            written = joined.split(_CELL) if cells else []
            self._tally.compare("numbers", index, rows, cells, written)
            return written
        known = self._known[index]
        if len(known) > _MEMORY:
            known.clear()
        if plan.notation is not None:
            for cell in set(cells).difference(known):
                known[cell] = numbers.rewrite_number(cell, plan.notation)
            rule = "numbers"
        elif plan.order is not None:
            for cell in set(cells).difference(known):
                known[cell] = dates.rewrite_date(cell, plan.order)
            rule = "dates"
        written = list(map(known.__getitem__, cells))
        self._tally.compare(rule, index, rows, cells, written)
        return written


_STARTS = frozenset(FORMULA_STARTS)


def escape_formula(text: str) -> str:
    """Return a text so that no spreadsheet runs it: with an apostrophe before what starts a formula.

    Numbers, telephone numbers and dashes stay as they are. See OWASP, CSV Injection.
    """
    if text[:1] not in _STARTS or not text or _HARMLESS.fullmatch(text):
        return text
    return "'" + text
