"""Delimited text: which encoding and layout a file has, reading it in blocks, and writing it.

`TextTable` is the source; `write_text` and `RejectedFile` write. `encoding` finds what bytes mean, `layout`
finds the delimiter and the header, and `records` cuts the rows.
"""

from handlers.cleaning.text.reading import TextTable
from handlers.cleaning.text.writing import RejectedFile, write_text

__all__ = ["RejectedFile", "TextTable", "write_text"]
