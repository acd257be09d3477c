"""What surrounds and disturbs the text of a cell: control characters, spaces, kinds of line breaks."""

import re

# Between the cells of a column or a row that are worked on as one text; no tidy cell holds it.
SEPARATOR = "\x1f"

# What no cell of a table has a use for, and what XLSX cannot hold; tab and line break stay.
_CONTROLS = dict.fromkeys([*range(9), 11, 12, *range(14, 32), 127])
_HAS_CONTROL = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f]")
_ZERO_WIDTH = "\ufeff\u200b\u200e\u200f"


def tidy_cell(text: str) -> str:
    """Return a cell without all that disturbs it."""
    return even_breaks(remove_controls(text)).strip()


def tidy_name(text: str) -> str:
    """Return a column's name on one line, without what disturbs it and without what nobody sees."""
    return " ".join(remove_controls(text).strip().strip(_ZERO_WIDTH).split())


def holds_controls(text: str) -> bool:
    """Whether `remove_controls` would change a text."""
    return _HAS_CONTROL.search(text) is not None


def remove_controls(text: str) -> str:
    """Return a text without control characters."""
    return text.translate(_CONTROLS)


def even_breaks(text: str) -> str:
    """Return a text with every line break as `\\n`."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text
