"""Reads a delimited text file as batches of rows, a block at a time, in little memory."""

import re
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import msgspec

from handlers.cleaning.failures import CleaningError
from handlers.cleaning.options import CleaningOptions
from handlers.cleaning.table import Batch, Description, Reject
from handlers.cleaning.text.encoding import Encoding, find_encoding
from handlers.cleaning.text.layout import find_layout
from handlers.cleaning.text.records import Cutter
from handlers.cleaning.values import SEPARATOR, may_be_untidy

# Small enough that a block's cells stay in the processor's cache while they are worked on.
BLOCK_BYTES = 128 * 1024
_SAMPLE_BYTES = 512 * 1024
_A_LINE = re.compile(r"^[^#\n][^\n]*\n", re.MULTILINE)
_MOST_LINE_BYTES = 64 * 1024 * 1024
# Control characters, and what letters of Windows-1252 and byte order marks begin with in UTF-8.
_UNTIDY = bytes([*range(9), 11, 12, *range(14, 32), 127, 0xC2, 0xEF])


class TextTable:
    """A delimited text file as a source of batches.

    Attributes:
        encoding, layout: how it is read.
        description, header, total, unit: as in `Source`.

    Raises:
        CleaningError: it is no table, or the chosen encoding does not fit it.
    """

    unit = "bytes"

    def __init__(self, path: Path, options: CleaningOptions) -> None:
        self._path = path
        self.total = path.stat().st_size
        self.encoding = find_encoding(path, chosen=options.encoding)
        self._newline = b"\n"
        sample, complete = self._read_sample()
        self.layout = find_layout(sample, complete=complete, options=options)

    @property
    def header(self) -> Sequence[str]:
        return self.layout.header

    @property
    def description(self) -> Description:
        layout = self.layout
        encoding = self.encoding
        unsure = (
            f"The encoding was guessed as {encoding.name}. If letters look wrong, choose it with the option "
            "“encoding”."
        )
        return Description(
            format="tsv" if layout.dialect.delimiter == "\t" else "csv",
            header_row=layout.lines_above + 1 if layout.header_lines else 0,
            encoding=encoding.name,
            delimiter=layout.delimiter,
            warnings=layout.warnings if encoding.sure else (unsure, *layout.warnings),
        )

    def batches(self) -> Iterator[Batch]:
        """Yield the rows below the header."""
        layout = self.layout
        cutter = Cutter(layout.dialect, width=len(layout.header), short_width=layout.short_width)
        if layout.above:
            yield Batch([[] for _ in layout.header], (), rejects=layout.above)
        body = layout.lines_above + layout.header_lines + 1
        line = 1
        rest = ""
        cut_at = 0
        undecodable = False
        for raw, done, final in self._blocks():
            text, has_undecodable = _decode(raw, self.encoding.codec)
            undecodable = undecodable or has_undecodable
            if self._newline == b"\r":
                text = text.replace("\r", "\n")
            if line < body:
                line, text = _skip_lines(text, line, body)
            text = rest + text
            # A cell that is still open is read again when the text has doubled: often enough, and linear.
            if not text or (len(text) < cut_at and not final):
                rest = text
                continue
            rows = cutter.cut(text, first_line=line, final=final)
            rest, cut_at = rows.rest, 2 * len(rows.rest)
            line += rows.lines
            batch = Batch(
                rows.columns,
                rows.rows,
                blank=rows.blank,
                rejects=rows.rejects,
                clipped=rows.clipped,
                padded=rows.padded,
                mended=rows.mended,
                done=done,
                may_be_untidy=rows.has_breaks or _may_be_untidy(raw, text, self.encoding.codec),
            )
            yield _set_aside_undecodable(batch, self.encoding) if undecodable else batch
            undecodable = undecodable and bool(rest)

    def _read_sample(self) -> tuple[str, bool]:
        with self._path.open("rb") as file:
            file.seek(self.encoding.mark)
            raw = file.read(_SAMPLE_BYTES)
            text, undecodable = _decode(raw, self.encoding.codec)
            if not self.encoding.found and undecodable:
                self._refuse_wrong_encoding(text)
            if "\n" not in text and "\r" in text.rstrip("\r"):
                self._newline = b"\r"
                text = text.replace("\r", "\n")
            # A header of thousands of columns, a cell of megabytes or comments may be longer than a sample.
            while not _A_LINE.search(text) and len(raw) < _MOST_LINE_BYTES and (more := file.read(len(raw))):
                raw += more
                text, _ = _decode(raw, self.encoding.codec)
                if self._newline == b"\r":
                    text = text.replace("\r", "\n")
            complete = not file.read(1)
        return text, complete

    def _refuse_wrong_encoding(self, text: str) -> None:
        wrong = sum("\ud800" <= character <= "\udfff" for character in text)
        right = sum(character > "\x7f" for character in text) - wrong
        if wrong > max(3, right // 10):
            raise CleaningError(
                f"The file cannot be read as {self.encoding.name}.",
                f"{wrong} places in its first part are not valid in this encoding. "
                "Choose another encoding, or “auto” to have it found.",
                type="wrong-encoding",
            )

    def _blocks(self) -> Iterator[tuple[bytes, int, bool]]:
        """Yield blocks of whole lines, how much of the file is read, and whether it was the last."""
        cut = _cutter_of(self.encoding.codec, self._newline)
        with self._path.open("rb") as file:
            file.seek(self.encoding.mark)
            rest = b""
            size = BLOCK_BYTES
            while chunk := file.read(size):
                raw = rest + chunk if rest else chunk
                end = cut(raw)
                if end <= 0:
                    if len(raw) > _MOST_LINE_BYTES:
                        raise CleaningError(
                            "The file has a line that is too long.",
                            f"A line has more than {_MOST_LINE_BYTES >> 20} MiB. Check that it is a table, "
                            "and that its rows end with line breaks.",
                            type="not-a-table",
                        )
                    rest = raw
                    # Doubling keeps the copying linear where a line is much longer than a block.
                    size = max(BLOCK_BYTES, len(rest))
                    continue
                size = BLOCK_BYTES
                rest = raw[end:]
                yield raw[:end], file.tell() - len(rest), False
            yield rest, self.total, True


def _cutter_of(codec: str, newline: bytes) -> Callable[[bytes], int]:
    """Return what finds the end of the last whole line of some bytes, 0 where there is none."""
    if not codec.startswith(("utf-16", "utf-32")):
        # In every other encoding here a byte below 0x30 is that character and never part of another.
        return lambda raw: raw.rfind(newline) + 1
    wide = newline.decode("ascii").encode(codec)
    unit = len(wide)

    def find(raw: bytes) -> int:
        end = raw.rfind(wide)
        while end >= 0 and end % unit:
            end = raw.rfind(wide, 0, end + unit - 1)
        return end + unit if end >= 0 else 0

    return find


def _decode(raw: bytes, codec: str) -> tuple[str, bool]:
    """Decode bytes; what cannot be decoded becomes surrogates, which no decoded text has."""
    try:
        return raw.decode(codec), False
    except UnicodeDecodeError:
        pass
    if not codec.startswith(("utf-16", "utf-32")):
        return raw.decode(codec, "surrogateescape"), True
    unit = 2 if codec.startswith("utf-16") else 4
    whole = len(raw) - len(raw) % unit
    try:
        text = raw[:whole].decode(codec, "surrogatepass")
    except UnicodeDecodeError:
        text = raw[:whole].decode(codec, "replace").replace("\ufffd", "\udcff")
    return text + "".join(chr(0xDC00 + max(byte, 0x80)) for byte in raw[whole:]), True


def _skip_lines(text: str, line: int, body: int) -> tuple[int, str]:
    """Take lines off a text until the line `body`; return the number of the next line, and what is left."""
    start = 0
    while line < body and start < len(text):
        start = _end_of_line(text, start)
        line += 1
    return line, text[start:]


def _end_of_line(text: str, start: int) -> int:
    feed = text.find("\n", start)
    end = len(text) if feed < 0 else feed + 1
    back = text.find("\r", start, end)
    if back >= 0 and back + 1 < end and text[back + 1] != "\n":
        return back + 1
    return end


def _may_be_untidy(raw: bytes, text: str, codec: str) -> bool:
    # Bytes are searched far faster than text. All that is untidy in UTF-8 has one of these bytes.
    if codec == "utf-8" and len(raw.translate(None, _UNTIDY)) == len(raw):
        return b'="' in raw
    return may_be_untidy(text)


def _set_aside_undecodable(batch: Batch, encoding: Encoding) -> Batch:
    keep = []
    rejects = list(batch.rejects)
    for number, row in zip(batch.rows, zip(*batch.columns, strict=True), strict=True):
        try:
            SEPARATOR.join(row).encode("utf-8")
        except UnicodeEncodeError:
            rejects.append(Reject(number, f"has bytes that are not {encoding.name}", row))
            keep.append(False)
        else:
            keep.append(True)
    return msgspec.structs.replace(
        batch,
        columns=[[cell for cell, fit in zip(cells, keep, strict=True) if fit] for cells in batch.columns],
        rows=[number for number, fit in zip(batch.rows, keep, strict=True) if fit],
        rejects=tuple(sorted(rejects, key=lambda reject: reject.row)),
    )
