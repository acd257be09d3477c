"""Delimited text: which encoding and layout a file has, reading it in blocks, and writing it.

`TextTable` is the source; `write_text` and `RejectedFile` write. Encodings are told apart by `alphabets`, the
layout is found by `dialect`, and `records` cuts rows.
"""

from handlers.cleaning.text.reading import TextTable
from handlers.cleaning.text.writing import RejectedFile, write_text

__all__ = ["RejectedFile", "TextTable", "write_text"]
