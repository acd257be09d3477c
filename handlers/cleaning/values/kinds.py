"""What a single cell is, told from its text alone and alike before and after cleaning."""

import re
from typing import Literal

from handlers.cleaning.values.dates import is_date_shape, read_moment
from handlers.cleaning.values.missing import MISSING
from handlers.cleaning.values.numbers import TO_SHAPE, is_number_shape

Kind = Literal["", "number", "date", "text"]

_LONGEST = 64
_AMOUNT_SIGNS = "$€£¥₩₹% "
_TIME_SHAPE = re.compile("9{1,2}:99(:99)?")


def kind_of(text: str) -> Kind:
    """Say what a tidy cell is: nothing, a number with or without a currency, a date or time, or text."""
    if not text or text in MISSING:
        return ""
    if len(text) > _LONGEST:
        return "text"
    shape = text.translate(TO_SHAPE)
    # 31.12.2026 first: the rest of such a column may become 2026-12-31.
    if _TIME_SHAPE.fullmatch(shape) or (is_date_shape(shape) and read_moment(text)):
        return "date"
    return "number" if is_number_shape(shape.strip(_AMOUNT_SIGNS)) else "text"


def whole_number(text: str) -> int:
    """Return the digits of a number as one number, so that a thousands sign changes nothing."""
    return int("".join(filter(str.isdecimal, text)) or 0)
