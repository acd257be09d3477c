"""How the values of a workbook's cells are written as text."""

import datetime
from collections.abc import Sequence
from decimal import Decimal
from typing import Any

from handlers.cleaning.table import Native


def convert(cells: Sequence[Any], decimals: int = 0) -> tuple[list[str], list[Native | None] | None]:
    """Return the texts of some cells of a column or a row, and their native values if there are any.

    Args:
        decimals: how many decimals their format shows, 0 where it shows as many as there are.
    """
    kinds = set(map(type, cells))
    if kinds <= {str}:
        return list(cells), None
    texts = []
    natives: list[Native | None] = []
    for cell in cells:
        kind = type(cell)
        if kind is str or cell is None:
            texts.append(cell or "")
            natives.append(None)
        elif kind is float or kind is int:
            texts.append(_number(cell, decimals))
            natives.append(cell)
        elif kind is bool:
            texts.append("TRUE" if cell else "FALSE")
            natives.append(cell)
        else:
            texts.append(_moment(cell))
            natives.append(None)
    return texts, natives if any(native is not None for native in natives) else None


def _number(value: float | int, decimals: int) -> str:
    # As many decimals as people see, unless the number has more.
    if decimals and float(text := f"{value:.{decimals}f}") == value:
        return text
    # A spreadsheet shows 15 digits; the rest is noise of binary arithmetic, 0.1 + 0.2.
    if isinstance(value, int) or value.is_integer():
        return str(int(value)) if abs(value) < 1e15 else format(Decimal(repr(value)), "f")
    text = format(value, ".15g")
    return format(Decimal(text), "f") if "e" in text and 1e-10 < abs(value) < 1e21 else text


def _moment(value: Any) -> str:
    """Return a date, time or duration as text; times are rounded to milliseconds, as Excel shows them."""
    if isinstance(value, datetime.datetime):
        value += datetime.timedelta(microseconds=500)
        value = value.replace(microsecond=value.microsecond // 1000 * 1000, tzinfo=None)
        if value.time() == datetime.time():
            return str(value.date().isoformat())
        return _without_zeros(value.isoformat(sep=" "))
    if isinstance(value, datetime.date):
        return value.isoformat()
    if isinstance(value, datetime.time):
        return _without_zeros(value.isoformat())
    if isinstance(value, datetime.timedelta):
        milliseconds = round(value.total_seconds() * 1000)
        sign, milliseconds = ("-", -milliseconds) if milliseconds < 0 else ("", milliseconds)
        seconds, part = divmod(milliseconds, 1000)
        clock = f"{sign}{seconds // 3600}:{seconds // 60 % 60:02}:{seconds % 60:02}"
        return f"{clock}.{part:03}" if part else clock
    return str(value)


def _without_zeros(text: str) -> str:
    return text[:-3] if text.endswith("000") and "." in text else text
