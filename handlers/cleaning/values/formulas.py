"""Which cells a spreadsheet would run, and how they are made text."""

import re

from handlers.cleaning.values.cells import SEPARATOR

# What a spreadsheet takes for the start of a formula; the wide forms count in East Asian locales.
FORMULA_STARTS = "=+-@\t\r＝＋－＠"
_STARTS = frozenset(FORMULA_STARTS)

# A number, a telephone number or a dash: they start like a formula and are none.
_HARMLESS = re.compile(r"[+\-] ?[$€£¥₩₹]? ?[\d.,']*\d(?:[eE][+\-]?\d+)?(?: ?[%$€£¥₩₹])?|\+\d[\d ()]*|-+")


def escape_formula(text: str) -> str:
    """Return a text so that no spreadsheet runs it: with an apostrophe before what starts a formula.

    Numbers, telephone numbers and dashes stay as they are. See OWASP, CSV Injection.
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
