"""Text whose columns are parted by several characters, or by their place in the line alone.

All else knows delimiters of one character. So such text is marked first: where a column ends a character is
put that no text has.
"""

import re
from collections.abc import Sequence
from itertools import pairwise

from handlers.cleaning.text.splitting import Dialect

MARK = "\ufdd1"
_PADDED = re.compile(r"^ +\S|\S {2,}\S|\S +$")


def mark(text: str, dialect: Dialect) -> str:
    """Return a text with a mark wherever columns of the dialect meet."""
    if dialect.edges:
        return _mark_edges(text, dialect.edges)
    return text.replace(dialect.separator, MARK) if dialect.separator else text


def unmark(columns: list[list[str]], separator: str) -> list[list[str]]:
    """Return cells in which marks are separators again: in quotes they part nothing."""
    return [
        [cell.replace(MARK, separator) for cell in cells] if any(MARK in cell for cell in cells) else cells
        for cells in columns
    ]


def _mark_edges(text: str, edges: Sequence[int]) -> str:
    """Return a text with marks where columns of fixed width meet, without the spaces around these.

    Args:
        edges: where each column but the first begins, in characters.
    """
    cuts = [slice(start, end) for start, end in pairwise((0, *edges, None))]

    def mark(found: re.Match[str]) -> str:
        line = found[0]
        return MARK.join(line[cut].strip() for cut in cuts) if line.strip() else line

    return re.sub(r"[^\r\n]+", mark, text)


def find_edges(lines: Sequence[str]) -> tuple[int, ...]:
    """Say where columns of fixed width begin, nothing where the lines are none.

    A gap is a place with a space in every line. One such gap may be chance; so lines must be filled up with
    spaces, as people do to align columns.
    """
    longest = max(map(len, lines), default=0)
    filled = [False] * (longest + 1)
    for line in lines:
        for found in re.finditer(r"\S+", line):
            filled[found.start() : found.end()] = [True] * (found.end() - found.start())
    begins = [place for place in range(longest) if filled[place] and not (place and filled[place - 1])]
    aligned = sum(_PADDED.search(line) is not None for line in lines)
    return tuple(begins[1:]) if 2 * aligned >= len(lines) > 2 else ()
