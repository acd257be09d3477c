"""How many decimals the styles of a workbook show."""

import re

from handlers.cleaning.workbook.archive import SMALL_PART, Archive
from handlers.cleaning.workbook.xml import local_name, parse

_PART = "xl/styles.xml"
_FORMAT = re.compile(r"(?:#,##)?0\.(0+)")
_BUILT_IN = {"2": "0.00", "4": "#,##0.00"}


def list_decimals(archive: Archive) -> list[int]:
    """Return for each cell style how many decimals it shows of every number, 0 where that is not all it does.

    Raises:
        CleaningError: the part with the styles is damaged.
    """
    if _PART not in archive:
        return []
    formats = dict(_BUILT_IN)
    styles: list[str] = []
    within = ""

    def start(name: str, attributes: dict[str, str]) -> None:
        nonlocal within
        name = local_name(name)
        if name == "numFmt":
            formats[attributes.get("numFmtId", "")] = attributes.get("formatCode", "")
        elif name in ("cellStyleXfs", "cellXfs"):
            within = name
        elif name == "xf" and within == "cellXfs":
            styles.append(attributes.get("numFmtId", "0"))

    parse(archive.read(_PART, limit=SMALL_PART), start)
    return [_count_decimals(formats.get(each, "")) for each in styles]


def _count_decimals(code: str) -> int:
    found = _FORMAT.fullmatch(code)
    return len(found[1]) if found else 0
