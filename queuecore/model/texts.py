"""Foreign values as texts, whatever they are."""

from __future__ import annotations

from typing import Final

LONGEST_SHOWN: Final = 100  # characters of a value that an error repeats


def text_of(value: object) -> str:
    """Return `value` as a text, whatever it is; nothing for None."""
    if value is None:
        return ""
    try:
        return str.__str__(str(value))  # a text of a type of its own becomes a plain one
    except BaseException as broken:  # a foreign object may fail even at being shown
        return f"(its text cannot be read: {type(broken).__name__})"


def show(value: object) -> str:
    """Return `value` as an error repeats it: as it is written in Python, and no longer than a line."""
    try:
        shown = str.__str__(repr(value))
    except BaseException:  # as above; and numbers of very many digits
        return f"<a {type(value).__name__}>"
    return shown if len(shown) <= LONGEST_SHOWN else f"{shown[:LONGEST_SHOWN]}..."
