"""Where the header row of a table is."""

from collections.abc import Sequence


def find_title_rows(rows: Sequence[Sequence[str]]) -> int:
    """Say how many of the first rows of a table are titles above its header, each in one cell."""
    filled = [sum(1 for cell in row if cell.strip()) for row in rows]
    if max(filled, default=0) < 3:
        return 0
    return next(index for index, number in enumerate(filled) if number > 1)
