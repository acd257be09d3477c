"""A name for every column."""

from collections.abc import Sequence

from handlers.cleaning.report import show_undecoded
from handlers.cleaning.values import escape_formula, tidy_name


def name_columns(header: Sequence[str], *, named: bool, escape: bool) -> list[str]:
    """Return a name for every column: trimmed, none empty, no two alike.

    Args:
        header: the cells of the header row.
        named: whether they are names; else the columns are numbered.
        escape: whether names that start a formula are made text.
    """

    def written(name: str) -> str:
        return escape_formula(name) if escape else name

    wanted = [written(tidy_name(show_undecoded(cell))) if named else "" for cell in header]
    # A name that is there already keeps its place: `a, a, a_2` becomes `a, a_3, a_2`.
    reserved = {name.casefold() for name in wanted}
    names: list[str] = []
    taken: set[str] = set()
    next_number: dict[str, int] = {}
    for index, name in enumerate(wanted, start=1):
        stem = name or f"column_{index}"
        unique = stem
        # Thousands of columns may share a name; each goes on where the one before it ended.
        number = next_number.get(stem.casefold(), 2)
        while unique.casefold() in taken or (unique != name and unique.casefold() in reserved):
            # -5 is a number, but -5_2 is a formula.
            unique = written(f"{stem}_{number}")
            number += 1
        next_number[stem.casefold()] = number
        taken.add(unique.casefold())
        names.append(unique)
    return names
