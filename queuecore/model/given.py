"""What is given as an option becomes the value that it stands for, or is refused where it was given."""

from __future__ import annotations

import operator
from datetime import timedelta
from enum import Enum
from typing import Any, Final, TypeVar

from .errors import InvalidOption

E = TypeVar("E", bound=Enum)

LONGEST: Final = 100 * 365 * 86400.0  # seconds; no delay or time to live is longer
LONGEST_TEXT: Final = 1_000  # characters


def seconds(given: float | timedelta, *, name: str, least: float = -LONGEST, most: float = LONGEST) -> float:
    """Return a duration in seconds.

    Args:
        given: seconds as a number, or a timedelta.
        name: what it is called in the error.

    Raises:
        InvalidOption: it is no duration, or not from `least` to `most`.
    """
    duration = given.total_seconds() if isinstance(given, timedelta) else given
    # A bool is a number for Python, and a mistake here.
    if isinstance(duration, bool) or not isinstance(duration, int | float):
        raise InvalidOption(name, given, "seconds, as a number or a timedelta")
    if not least <= duration <= most:  # nor is NaN
        raise InvalidOption(name, given, f"seconds from {least:.12g} to {most:.12g}")
    return float(duration)


def whole_number(given: int, *, name: str, least: int, most: int) -> int:
    """Return a whole number, of whatever type, as an int.

    Raises:
        InvalidOption: it is none, or not from `least` to `most`.
    """
    must = f"a whole number from {least} to {most}"
    try:
        number = operator.index(given)
    except TypeError:
        raise InvalidOption(name, given, must) from None
    if isinstance(given, bool) or not least <= number <= most:
        raise InvalidOption(name, given, must)
    return number


def text(given: str, *, name: str, least: int = 0, most: int = LONGEST_TEXT) -> str:
    """Return a text that can be stored.

    Raises:
        InvalidOption: it is none, has not `least` to `most` characters, or ones that UTF-8 has no form for.
    """
    if not isinstance(given, str) or not least <= len(given) <= most:
        raise InvalidOption(name, given, f"a text of {least} to {most} characters")
    try:
        given.encode()
    except UnicodeEncodeError:
        raise InvalidOption(
            name, given, "a text that UTF-8 has a form for, without lone surrogates"
        ) from None
    return given


def choice(given: Any, choices: type[E], *, name: str) -> E:
    """Return a member of an Enum, which may be given by its value.

    Raises:
        InvalidOption: there is none of this value.
    """
    try:
        return choices(given)
    except ValueError:
        raise InvalidOption(
            name, given, f"one of: {', '.join(repr(each.value) for each in choices)}"
        ) from None
