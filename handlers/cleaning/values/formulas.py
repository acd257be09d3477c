"""Which cells a spreadsheet would run, and how they are made text."""

import re

from handlers.cleaning.values.cells import SEPARATOR

# What a spreadsheet takes for the start of a formula; the wide forms count in East Asian locales.
FORMULA_STARTS = "=+-@\t\r＝＋－＠"
_STARTS = frozenset(FORMULA_STARTS)

# A formula can do harm only by what it names: a cell, a function, another program. So a sign before nothing
# but digits and what stands among them is left alone: numbers, fractions, telephone numbers, dashes.
_FIGURES = r"(?:[\d\s.,'’()+\-*/^%‰°$€£¥₩₹–−²³½¼¾]|(?<=\d)[eE](?=[+\-]?\d))"
# No spreadsheet can parse a word after a number: -5 °C, -12 EUR, +1 555-1234 ext. 8. But 1E5-A1 it can.
_WORDS = r"\d(?:\s+|\s*[°%‰]\s*|(?![eE][+\-]?\d))[^\W\d_][\w\s.,'’°%/²³µ–−\-]*"
_NAMES = r"[@＠][\w.]+(?:[\s,]+[@＠][\w.]+)*"  # of people: @ann
_HARMLESS = re.compile(rf"[+\-＋－](?:{_FIGURES}*|{_FIGURES}*{_WORDS})|{_NAMES}")


def escape_formula(text: str) -> str:
    """Return a text so that no spreadsheet runs it: with an apostrophe before what starts a formula.

    What starts like a formula and can name nothing, such as a telephone number or a temperature, stays as it
    is. See OWASP, CSV Injection.
    """
    if text[:1] not in _STARTS or not text or _HARMLESS.fullmatch(text):
        return text
    return "'" + text


def escape_formulas(cells: list[str]) -> list[str]:
    """Return the cells of a column with each made safe."""
    return [escape_formula(cell) if cell[:1] in _STARTS and cell else cell for cell in cells]


def may_hold_formulas(joined: str) -> bool:
    """Whether one of many cells may start a formula.

    Args:
        joined: the cells, each after a `SEPARATOR`.
    """
    if any(SEPARATOR + start in joined for start in "=+-@" if start in joined):
        return True
    return not joined.isascii() and any(SEPARATOR + start in joined for start in "＝＋－＠")
