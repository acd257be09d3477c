"""Dates in many notations, brought to one: `2026-11-22`, with a time `2026-11-22 14:05:00`.

A column is changed only where every cell is a date and no cell leaves open which number is the day.
1/2/2026 in one row is settled by 13/2/2026 in another; where nothing settles it the column is left
alone. Two-digit years, time zones and dates without a year are left alone too.
"""

import re
from calendar import monthrange
from collections.abc import Iterable
from typing import Literal

import msgspec

_TIME = (
    r"(?:(?:[ T]|, )(?P<hour>\d{1,2}):(?P<minute>\d\d)(?::(?P<second>\d\d)(?P<part>\.\d{1,6})?)?"
    r"(?: ?(?P<half>[AaPp]\.?[Mm]\.?))?)?"
)
_MONTH = r"(?P<word>[A-Za-z]{3,9})\.?"
_FORMS = tuple(
    re.compile(form + _TIME)
    for form in (
        r"(?P<year>\d{4})(?P<mark>[-/.])(?P<month>\d{1,2})(?P=mark)(?P<day>\d{1,2})",
        r"(?P<first>\d{1,2})(?P<mark>[-/.])(?P<second_number>\d{1,2})(?P=mark)(?P<year>\d{4})",
        rf"(?P<day>\d{{1,2}})(?:st|nd|rd|th)?[ -]{_MONTH}[ -](?P<year>\d{{4}})",
        rf"{_MONTH} (?P<day>\d{{1,2}})(?:st|nd|rd|th)?,? (?P<year>\d{{4}})",
        r"(?P<year>\d{4})年(?P<month>\d{1,2})月(?P<day>\d{1,2})日",
    )
)
_LONGEST = 40
_MONTHS = (
    *("january", "february", "march", "april", "may", "june"),
    *("july", "august", "september", "october", "november", "december"),
)
_MONTH_NUMBERS = {
    written: number
    for number, name in enumerate(_MONTHS, start=1)
    for written in (name, name[:3], "sept" if name == "september" else name)
}

Order = Literal["day first", "month first"]

# Of shapes (digits are 9s): whether a cell of this shape can be a date at all, and is one when valid.
_DATE_SHAPE = re.compile(
    r"(9{4}([-/.])9{1,2}\2 ?9{1,2}|9{1,2}([-/.])9{1,2}\3 ?9{4}"
    r"|9{1,2}(st|nd|rd|th)?[ -][A-Za-z]{3,9}\.?[ -]9{4}"
    r"|[A-Za-z]{3,9}\.? 9{1,2}(st|nd|rd|th)?,? 9{4}|9{4}年9{1,2}月9{1,2}日)"
    r"((?:[ T]|, )9{1,2}:99(:99(\.9{1,6})?)?( ?[AaPp]\.?[Mm]\.?)?)?"
)
_ISO_SHAPE = re.compile(r"9{4}-99-99( 99:99(:99(\.9{1,6})?)?)?")


class Moment(msgspec.Struct, frozen=True):
    """What a text can mean: the one form by either order, None where that order makes no date."""

    day_first: str | None
    month_first: str | None


def is_date_shape(shape: str) -> bool:
    """Whether texts of this shape may be dates."""
    return len(shape) <= _LONGEST and _DATE_SHAPE.fullmatch(shape) is not None


def is_iso_shape(shape: str) -> bool:
    """Whether texts of this shape are in the one form, if they are dates."""
    return _ISO_SHAPE.fullmatch(shape) is not None


def read_moment(text: str) -> Moment | None:
    """Return what a text means as a date, None where it is none in any order."""
    for form in _FORMS:
        if found := form.fullmatch(text):
            break
    else:
        return None
    fields = found.groupdict()
    time = _time(fields)
    if time is None:
        return None
    year = int(fields["year"])
    if fields.get("first") is not None:
        one, two = int(fields["first"]), int(fields["second_number"])
        moment = Moment(_iso(year, two, one, time), _iso(year, one, two, time))
        return moment if moment.day_first or moment.month_first else None
    word = fields.get("word")
    month = _MONTH_NUMBERS.get(word.lower(), 0) if word else int(fields["month"])
    iso = _iso(year, month, int(fields["day"]), time)
    return Moment(iso, iso) if iso else None


def find_order(moments: Iterable[Moment], *, chosen: str) -> Order | None:
    """Say which number is the day in a column, None where both or neither is possible.

    Args:
        chosen: the sender's word where a column does not tell: "auto", "day first" or "month first".
    """
    day_first = month_first = same = True
    for moment in moments:
        day_first = day_first and moment.day_first is not None
        month_first = month_first and moment.month_first is not None
        same = same and moment.day_first == moment.month_first
    if day_first and (same or not month_first):
        return "day first"
    if month_first and not day_first:
        return "month first"
    if day_first and month_first and chosen != "auto":
        return "day first" if chosen == "day first" else "month first"
    return None


def rewrite_date(text: str, order: Order) -> str:
    """Return a date of a column with that order in the one form. Empty stays empty."""
    moment = read_moment(text) if text else None
    if moment is None:
        return text
    return (moment.day_first if order == "day first" else moment.month_first) or text


def has_time(shape: str) -> bool:
    """Whether texts of this date shape carry a time of day."""
    return ":" in shape


def _iso(year: int, month: int, day: int, time: str) -> str | None:
    if not (1 <= month <= 12 and year >= 1 and 1 <= day <= monthrange(year, month)[1]):
        return None
    return f"{year:04}-{month:02}-{day:02}{time}"


def _time(fields: dict[str, str | None]) -> str | None:
    """Return the time in the one form with a space before it, empty without one, None where it is none."""
    hour_text, minute, second = fields["hour"], fields["minute"], fields["second"]
    if hour_text is None or minute is None:
        return ""
    hour = int(hour_text)
    if half := fields["half"]:
        if not 1 <= hour <= 12:
            return None
        hour = hour % 12 + (12 if half[0] in "pP" else 0)
    if hour > 23 or int(minute) > 59 or (second is not None and int(second) > 59):
        return None
    return f" {hour:02}:{minute}" + ("" if second is None else f":{second}{fields['part'] or ''}")
