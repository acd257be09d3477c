"""Numbers in many notations, brought to one: `-1234.5`.

A column is judged by the shapes of its cells: every digit becomes a 9, and a million cells have a
handful of shapes. A column is changed only where every cell is a number in one and the same notation and
no other reading is possible. Left as they are: columns with leading zeros (postcodes, article numbers),
with more than 15 digits (a spreadsheet would round them), with percent signs, currencies or exponents,
and those where 1,234 could be either 1234 or 1.234.
"""

import re
from collections.abc import Iterable
from typing import Literal

import msgspec

MOST_DIGITS = 15
TO_SHAPE = {ord(digit): "9" for digit in "012345678"}
_SPACES = " \u00a0\u202f\u2009"
_MINUS = "\u2212"

_SIGNED = re.compile(rf"(?P<sign>[+\-{_MINUS}]?)(?P<body>[9.,'’{_SPACES}]*9[9.,'’{_SPACES}]*)(?P<after>-?)")
_PLAIN = re.compile(r"9+(\.9+)?|\.9+")
_POINT = re.compile(r"9{1,3}(,9{3})+(\.9+)?|9+(\.9+)?|\.9+")
_COMMA = re.compile(r"9{1,3}(\.9{3})+(,9+)?|9+(,9+)?|,9+")
_SPACED_POINT = re.compile(rf"9{{1,3}}([{_SPACES}'’]9{{3}})+(\.9+)?|9+(\.9+)?")
_SPACED_COMMA = re.compile(rf"9{{1,3}}([{_SPACES}'’]9{{3}})+(,9+)?|9+(,9+)?")

# One comma before exactly three digits: 1,234 is read as 1234 here and as 1.234 there.
_EITHER = re.compile(r"9{1,3},9{3}")

_THOUSANDS = re.compile(r"9{1,3}(\.9{3})?")

Notation = Literal["plain", "point", "comma", "spaced point", "spaced comma"]


class NumberEvidence(msgspec.Struct, frozen=True):
    """What is known of a column's cells beyond their shapes.

    Attributes:
        padded: whether a cell has a leading zero that is not `0` itself and not before a decimal sign.
        zero_comma: whether a cell starts `0,`.
        zero_point: whether a cell starts `0.`.
    """

    padded: bool
    zero_comma: bool
    zero_point: bool


def is_number_shape(shape: str) -> bool:
    """Whether texts of this shape may be numbers in some notation."""
    found = _SIGNED.fullmatch(shape)
    return found is not None and found["body"].count("9") <= MOST_DIGITS


def find_notation(shapes: Iterable[str], evidence: NumberEvidence, *, decimal: str) -> Notation | None:
    """Say in which notation all cells of a column are numbers, if there is exactly one.

    Args:
        shapes: of the cells that are not empty: every digit is a 9.
        decimal: the sender's word where a column does not tell: "auto", "point" or "comma".

    Returns: "plain" where every cell is in the one form already, None where the column is to be left alone.
    """
    parts = [_SIGNED.fullmatch(shape) for shape in shapes]
    if evidence.padded or not parts or any(part is None for part in parts):
        return None
    found = [part for part in parts if part is not None]
    if any(part["after"] and part["sign"] for part in found):
        return None
    signs = {part["sign"] or part["after"] for part in found} - {""}
    bodies = {part["body"] for part in found}
    # A plus before every number is a telephone's; beside a minus it is a difference's.
    if "+" in signs and len(signs) == 1:
        return None
    notation = _notation_of(bodies, evidence, decimal)
    if notation == "plain" and (signs - {"-"} or any(part["after"] for part in found)):
        return "point"
    return notation


def count_decimals(shapes: Iterable[str], notation: Notation) -> int:
    """Say how many decimals every number of a column has, 0 where they have none or not as many."""
    sign = "," if notation in ("comma", "spaced comma") else "."
    counts = {len(shape.rstrip("-").partition(sign)[2]) for shape in shapes}
    return counts.pop() if len(counts) == 1 else 0


def may_be_thousands(shapes: Iterable[str], evidence: NumberEvidence) -> bool:
    """Whether plain numbers such as 10.000 could be thousands as Germans write them."""
    bodies = {shape.strip(f"+-{_MINUS}") for shape in shapes}
    return (
        any("." in body for body in bodies)
        and all(_THOUSANDS.fullmatch(body) for body in bodies)
        and not evidence.zero_point
    )


def ends_in_zero(joined: str, mark: str) -> bool:
    """Whether a number with decimals ends in a zero, among many that have `mark` after each."""
    if f"0{mark}" not in joined or not ("." in joined or "," in joined):
        return False
    return re.search(rf"[.,]\d*0{mark}", joined) is not None


def rewrite_number(text: str, notation: Notation) -> str:
    """Return a number of a column with that notation in the one form. Empty stays empty."""
    if not text:
        return text
    sign = ""
    if text[0] in f"+-{_MINUS}":
        sign, text = ("" if text[0] == "+" else "-"), text[1:]
    elif text[-1] == "-":
        sign, text = "-", text[:-1]
    match notation:
        case "point":
            text = text.replace(",", "")
        case "comma":
            text = text.replace(".", "").replace(",", ".")
        case "spaced point":
            text = _GAPS.sub("", text)
        case "spaced comma":
            text = _GAPS.sub("", text).replace(",", ".")
        case "plain":
            pass
    return f"{sign}0{text}" if text.startswith(".") else sign + text


_GAPS = re.compile(rf"[{_SPACES}'’]")
_NO_GAPS = dict.fromkeys(map(ord, f"{_SPACES}'’"))


def rewrite_simple(joined: str, notation: Notation) -> str:
    """Return the texts of many numbers, joined by something no number holds, in the one form.

    Only for columns whose numbers have no sign but a leading `-`, and a digit before the decimal sign.
    """
    match notation:
        case "point":
            return joined.replace(",", "")
        case "comma":
            return joined.replace(".", "").replace(",", ".")
        case "spaced point":
            return joined.translate(_NO_GAPS)
        case "spaced comma":
            return joined.translate(_NO_GAPS).replace(",", ".")
        case "plain":
            return joined


def is_simple(shapes: Iterable[str]) -> bool:
    """Whether `rewrite_simple` is enough for numbers of these shapes."""
    return all(shape.lstrip("-")[0] == "9" and shape[-1] == "9" for shape in shapes)


def _notation_of(bodies: set[str], evidence: NumberEvidence, decimal: str) -> Notation | None:
    # 1.234 may be a thousand in German; in the one form it is what it is, so nothing is changed.
    if all(_PLAIN.fullmatch(body) for body in bodies) and not (
        decimal == "comma" and any("." in body for body in bodies)
    ):
        return "point" if any(body.startswith(".") for body in bodies) else "plain"
    if any(gap in body for body in bodies for gap in f"{_SPACES}'’"):
        return _spaced_notation(bodies, evidence)
    point = all(_POINT.fullmatch(body) for body in bodies) and not (
        evidence.zero_comma and any("," in body for body in bodies)
    )
    comma = all(_COMMA.fullmatch(body) for body in bodies) and not (
        evidence.zero_point and any("." in body for body in bodies)
    )
    if comma and all(body.count(".") == 3 for body in bodies):
        return None  # addresses of machines: 192.168.100.200
    if point and comma:
        # Here every comma stands before exactly three digits.
        if decimal == "auto":
            return None
        return "point" if decimal == "point" else "comma"
    if point and decimal != "comma":
        return "point"
    if comma and decimal != "point":
        return "comma"
    return None


def _spaced_notation(bodies: set[str], evidence: NumberEvidence) -> Notation | None:
    # Groups of three digits all of the same length are rather a telephone number or a key.
    if len({body.count("9") for body in bodies}) == 1 and not any("," in b or "." in b for b in bodies):
        return None
    if all(_SPACED_POINT.fullmatch(body) for body in bodies):
        return "spaced point"
    if all(_SPACED_COMMA.fullmatch(body) for body in bodies):
        if all("," not in body or _EITHER.fullmatch(body) for body in bodies) and not evidence.zero_comma:
            return None
        return "spaced comma"
    return None
