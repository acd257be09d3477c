"""What the sender of a file can choose."""

import re
from typing import Literal

import msgspec

from handlers.cleaning.failures import CleaningError

FIXED_WIDTH = "fixed width"

OutputFormat = Literal["same", "csv", "tsv", "xlsx"]
EncodingName = Literal[
    "auto",
    "utf-8",
    "utf-16",
    "utf-16-le",
    "utf-16-be",
    "gb18030",
    "big5",
    "shift_jis",
    "euc-jp",
    "euc-kr",
    "windows-874",
    "windows-1250",
    "windows-1251",
    "windows-1252",
    "windows-1253",
    "windows-1254",
    "windows-1255",
    "windows-1256",
    "windows-1257",
    "windows-1258",
    "iso-8859-2",
    "iso-8859-5",
    "iso-8859-7",
    "koi8-r",
    "koi8-u",
    "cp437",
    "cp737",
    "cp775",
    "cp850",
    "cp852",
    "cp857",
    "cp866",
    "mac-roman",
    "mac-cyrillic",
]
QuoteChoice = Literal["auto", "double", "single", "none"]
EscapeChoice = Literal["auto", "doubled", "backslash"]
HeaderChoice = Literal["auto", "yes", "no"]
DecimalSign = Literal["auto", "point", "comma"]
DateOrder = Literal["auto", "day first", "month first"]

# What people call the usual delimiters; any others are given as they are.
DELIMITERS = {
    "comma": ",",
    "semicolon": ";",
    "tab": "\t",
    "pipe": "|",
    "space": " ",
    "colon": ":",
    "hash": "#",
    FIXED_WIDTH: FIXED_WIDTH,
    "none": "",
}
_LONGEST_DELIMITER = 10
_CODE = re.compile(r"\\(?:t|x[0-9a-fA-F]{2})")


class CleaningOptions(msgspec.Struct, frozen=True, kw_only=True):
    """How a file is to be cleaned; the defaults suit most files.

    Attributes:
        output: the format of the cleaned file; "same" keeps format and delimiter.
        encoding: of a text file; "auto" finds it.
        delimiter: of a text file, by name or as it is; "auto" finds it.
        quote: what stands around the cells of a text file that hold a delimiter; "auto" finds it.
        escape: how a quote is written inside quotes.
        sheet: name or number (from 1) of the sheet of a workbook; empty for the first visible one with
            content.
        first_row_is_header: whether the first row names the columns; "auto" looks whether it could be data.
        drop_duplicates: whether a row that equals an earlier one is left out.
        drop_empty_columns: whether a column without any value is left out.
        normalize_numbers: whether a column that holds only numbers gets one form of number.
        normalize_dates: whether a column that holds only dates gets one form of date.
        empty_missing: whether N/A and the like are emptied among numbers and dates.
        decimal: which sign divides a number where the column itself does not tell.
        date_order: which of 1/2/2026's numbers is the day where the column itself does not tell.
        escape_formulas: whether cells that a spreadsheet would run are made text.
        excel_bom: whether a CSV or TSV starts with the mark by which Excel knows UTF-8.
    """

    output: OutputFormat = "same"
    encoding: EncodingName = "auto"
    delimiter: str = "auto"
    quote: QuoteChoice = "auto"
    escape: EscapeChoice = "auto"
    sheet: str = ""
    first_row_is_header: HeaderChoice = "auto"
    drop_duplicates: bool = False
    drop_empty_columns: bool = True
    normalize_numbers: bool = True
    normalize_dates: bool = True
    empty_missing: bool = True
    decimal: DecimalSign = "auto"
    date_order: DateOrder = "auto"
    escape_formulas: bool = True
    excel_bom: bool = False


def read_delimiter(chosen: str) -> str:
    """Return the delimiter that the sender chose by its name, or by itself: `;`, `||`, `\\t`, `\\x01`.

    Raises:
        CleaningError: it cannot be one.
    """
    chosen = chosen if len(chosen) == 1 else chosen.strip(" ")
    if chosen.lower() in DELIMITERS:
        return DELIMITERS[chosen.lower()]
    delimiter = _CODE.sub(lambda code: "\t" if code[0] == "\\t" else chr(int(code[0][2:], 16)), chosen)
    if not 0 < len(delimiter) <= _LONGEST_DELIMITER or any(
        sign.isalnum() or sign in '"\r\n' for sign in delimiter
    ):
        raise CleaningError(
            f"“{chosen}” cannot be a delimiter.",
            f"Give one of {', '.join(DELIMITERS)}, or up to {_LONGEST_DELIMITER} characters that are neither "
            "letters, digits nor quotes.",
            type="wrong-option",
        )
    return delimiter


def name_delimiter(delimiter: str) -> str:
    """Return what people call a delimiter, or itself where it has no name."""
    known = next((name for name, each in DELIMITERS.items() if each == delimiter), "")
    return known or "".join(sign if sign.isprintable() else f"\\x{ord(sign):02x}" for sign in delimiter)
