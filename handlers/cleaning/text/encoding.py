"""Which encoding a text file has, found from its bytes alone.

The order is the order of certainty: a byte order mark, the NUL pattern of UTF-16, strict UTF-8, and
only then the legacy encodings, which are told apart by how likely the text is that each of them gives.
"""

import codecs
import math
from pathlib import Path
from typing import BinaryIO

import msgspec

from handlers.cleaning.failures import CleaningError
from handlers.cleaning.text import likelihood

SAMPLE_BYTES = 256 * 1024
# Enough lines with bytes outside ASCII to be sure; the whole file is searched for them.
EVIDENCE_BYTES = 64 * 1024

# What the sender chooses, and the codec that reads it. The wider relatives are taken where a codec has
# one: files that say "Big5" or "Shift_JIS" come from Windows.
CODECS = {
    "utf-8": "utf-8",
    "utf-16": "utf-16-le",
    "utf-16-le": "utf-16-le",
    "utf-16-be": "utf-16-be",
    "gb18030": "gb18030",
    "big5": "cp950",
    "shift_jis": "cp932",
    "euc-jp": "euc_jp",
    "euc-kr": "cp949",
    **{f"windows-{number}": f"cp{number}" for number in (874, *range(1250, 1259))},
    "iso-8859-2": "iso8859_2",
    "iso-8859-5": "iso8859_5",
    "iso-8859-7": "iso8859_7",
    "koi8-r": "koi8_r",
    "koi8-u": "koi8_u",
    **{f"cp{number}": f"cp{number}" for number in (437, 737, 775, 850, 852, 857, 866)},
    "mac-roman": "mac_roman",
    "mac-cyrillic": "mac_cyrillic",
}
# A text that is likelier by this factor, as a logarithm, is taken for the right one without a word.
_SURE = 8.0
_NAMES = {codec: name for name, codec in CODECS.items() if name != "utf-16"}

# Control characters that text has few of: not tab, line ends, form feed, escape and the end mark of DOS.
_CONTROLS = bytes(code for code in range(32) if code not in b"\t\n\f\r\x1a\x1b")

# UTF-32 comes first: its little-endian mark begins with that of UTF-16.
_MARKS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)


class Encoding(msgspec.Struct, frozen=True):
    """An encoding and how it is known.

    Attributes:
        codec: what Python calls it.
        name: what people call it.
        mark: length of the byte order mark at the start of the file.
        found: whether it was found, and not chosen by the sender.
        sure: False where a guess between legacy encodings was close.
    """

    codec: str
    name: str
    mark: int = 0
    found: bool = True
    sure: bool = True


def find_encoding(path: Path, *, chosen: str = "auto") -> Encoding:
    """Say how the bytes of a text file are to be read.

    Args:
        chosen: the sender's choice; "auto" to look at the bytes.

    Raises:
        CleaningError: the file is not text.
    """
    with path.open("rb") as file:
        head = file.read(SAMPLE_BYTES)
        marked = _by_mark(head)
        if chosen != "auto":
            codec = CODECS[chosen]
            # A mark wins over a choice of the same family only: "utf-16" does not say which end is first.
            if marked and (marked.codec == codec or chosen == "utf-16"):
                return msgspec.structs.replace(marked, found=False)
            if chosen == "utf-16":
                codec = (_by_nul_pattern(head) or Encoding(codec, "")).codec
            return Encoding(codec, _NAMES[codec], found=False)
        if marked:
            return marked
        if b"\0" in head and (wide := _by_nul_pattern(head)):
            return wide
        if _is_binary(head):
            raise CleaningError(
                "This is not a text file.",
                "It holds bytes that no CSV file has. Save it as CSV or XLSX in the program that made it "
                "and upload that.",
                type="not-a-table",
            )
        evidence = _gather_evidence(file, head)
    return guess_encoding(evidence)


def guess_encoding(evidence: bytes) -> Encoding:
    """Say which encoding makes most sense of some lines of a file.

    Args:
        evidence: whole lines, those without a byte outside ASCII left out.
    """
    if not evidence:
        return Encoding("utf-8", "utf-8")
    text = evidence.decode("utf-8", "surrogateescape")
    wrong = sum("\udc80" <= character <= "\udcff" for character in text)
    right = sum(character > "\x7f" for character in text) - wrong
    # Some broken bytes in a UTF-8 file reject their rows; they do not make the file something else.
    if not wrong or right > 4 * wrong:
        return Encoding("utf-8", "utf-8")
    ratings = sorted(((likelihood.rate(evidence, codec), codec) for codec in likelihood.CODECS), reverse=True)
    best, codec = ratings[0]
    meant = evidence.decode(codec, "replace")
    # Encodings that give the same text are no rivals.
    rival = next(
        (rating for rating, other in ratings if evidence.decode(other, "replace") != meant), -math.inf
    )
    return Encoding(codec, _NAMES[codec], sure=best - rival > _SURE)


def _is_binary(head: bytes) -> bool:
    """Whether a file has more control characters than text has, and not one that parts its columns."""
    controls = len(head) - len(head.translate(None, _CONTROLS))
    if controls <= 8 + len(head) // 50:
        return False
    most = max(_CONTROLS[1:], key=head.count)
    lines = head.splitlines()[:-1][:100] or [head]
    return 10 * head.count(most) < 9 * controls or len({line.count(most) for line in lines if line}) > 3


def _by_mark(head: bytes) -> Encoding | None:
    for mark, codec in _MARKS:
        if head.startswith(mark):
            return Encoding(codec, codec, mark=len(mark))
    return None


def _by_nul_pattern(head: bytes) -> Encoding | None:
    """Recognise UTF-16 without a mark: delimiters, digits and line ends have a NUL on one side."""
    even, odd = head[0::2].count(0), head[1::2].count(0)
    for nuls, others, codec in ((odd, even, "utf-16-le"), (even, odd, "utf-16-be")):
        if nuls * 50 < len(head) or others * 20 > nuls:
            continue
        try:
            text = head[: len(head) & ~3].decode(codec)
        except UnicodeDecodeError as error:
            if error.start < len(head) - 4:
                continue
            text = head[: error.start].decode(codec)
        if "\n" in text or "\r" in text:
            return Encoding(codec, codec)
    return None


def _gather_evidence(file: BinaryIO, head: bytes) -> bytes:
    """Collect lines with bytes outside ASCII, from wherever in the file they are."""
    lines: list[bytes] = []
    size = 0
    rest = b""
    chunk = head
    while chunk and size < EVIDENCE_BYTES:
        if not chunk.isascii() or not rest.isascii():
            whole, newline, tail = (rest + chunk).rpartition(b"\n")
            if not newline and len(tail) > SAMPLE_BYTES:
                whole, tail = tail, b""
            for line in whole.split(b"\n"):
                if not line.isascii():
                    lines.append(line[:EVIDENCE_BYTES])
                    size += len(line)
                    if size >= EVIDENCE_BYTES:
                        break
            rest = tail
        else:
            rest = chunk[chunk.rfind(b"\n") + 1 :]
        chunk = file.read(SAMPLE_BYTES)
    if size < EVIDENCE_BYTES and not rest.isascii():
        lines.append(rest[:EVIDENCE_BYTES])
    return b"\n".join(lines)
