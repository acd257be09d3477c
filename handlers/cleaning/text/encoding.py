"""Which encoding a text file has, found from its bytes alone.

The order is the order of certainty: a byte order mark, the NUL pattern of UTF-16, strict UTF-8, and
only then the legacy encodings, which are told apart by how likely the text is that each of them gives.
"""

import codecs
import functools
import math
from collections import Counter
from pathlib import Path
from typing import BinaryIO

import msgspec

from handlers.cleaning.failures import CleaningError
from handlers.cleaning.text import alphabets

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
    **{f"windows-{number}": f"cp{number}" for number in range(1250, 1259)},
}
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
        controls = len(head) - len(head.translate(None, _CONTROLS))
        if controls > 8 + len(head) // 50:
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
    scores = sorted(((_score(evidence, codec), codec) for codec in _candidates()), key=lambda pair: -pair[0])
    (best, codec), (second, other) = scores[0], scores[1]
    alike = evidence.decode(codec, "replace") == evidence.decode(other, "replace")
    return Encoding(codec, _NAMES[codec], sure=alike or best - second > 8)


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


@functools.cache
def _candidates() -> dict[str, tuple[dict[str, float], ...]]:
    """For each codec, one table of log probabilities for each language that is written in it."""
    tables: dict[str, tuple[dict[str, float], ...]] = {
        "gb18030": (_ideographs(alphabets.HAN_SIMPLIFIED),),
        "cp950": (_ideographs(alphabets.HAN_TRADITIONAL),),
        "cp932": (_ideographs(alphabets.KANJI, alphabets.KANA),),
        "euc_jp": (_ideographs(alphabets.KANJI, alphabets.KANA),),
        "cp949": (_ideographs(alphabets.HANGUL),),
    }
    for codec, letters in alphabets.ALPHABETS:
        tables[codec] = (*tables.get(codec, ()), _letters(letters))
    return tables


def _ideographs(common: str, syllables: str = "") -> dict[str, float]:
    # Zipf: the n-th most frequent character is about n times rarer than the first.
    table = dict.fromkeys(alphabets.EAST_ASIAN_MARKS, -6.0)
    distinct = "".join(dict.fromkeys(common))
    table.update((character, -4.5 - 0.5 * math.log(rank + 1)) for rank, character in enumerate(distinct))
    table.update((character, -4.0 - 0.45 * math.log(rank + 1)) for rank, character in enumerate(syllables))
    return table


def _letters(common: str) -> dict[str, float]:
    table = dict.fromkeys(alphabets.TYPOGRAPHY, -6.0)
    table.update((character, -1.5 - 0.7 * math.log(rank + 1)) for rank, character in enumerate(common))
    return table


def _score(evidence: bytes, codec: str) -> float:
    text = evidence.decode(codec, "surrogateescape")
    counts = Counter(character for character in text if character > "\x7f")
    languages = _candidates()[codec]
    is_wide = not codec.startswith("cp125")
    unknown = {character: _rarity(character, codec) for character in counts} if is_wide else {}
    best = max(
        sum(
            number * (table.get(character) or unknown.get(character) or _odd_letter(character))
            for character, number in counts.items()
        )
        for table in languages
    )
    best += _PRIORS.get(codec, 0.0)
    return best if is_wide else best - _misfits(text, codec)


_PRIORS = {"cp1252": 0.5, "cp1257": -1.0, "cp1258": -3.0, "euc_jp": -1.0, "cp950": -0.5}
_LATIN = ("cp1250", "cp1252", "cp1254", "cp1257", "cp1258")


def _rarity(character: str, codec: str) -> float:
    """Log probability of a character that is not among the common ones of an East Asian encoding."""
    if "\ud800" <= character <= "\udfff":
        return -25.0
    if "\uff61" <= character <= "\uff9f":
        return -5.0 if codec in ("cp932", "euc_jp") else -14.0
    if "\ue000" <= character <= "\uf8ff":
        return -22.0
    try:
        code = character.encode(codec)
    except UnicodeEncodeError:
        return -25.0
    if len(code) != 2:
        return -17.0
    lead, trail = code
    match codec:
        case "gb18030":
            if trail < 0xA1 or lead < 0xA1:
                return -18.0
            return -11.0 if 0xB0 <= lead <= 0xD7 else -14.0
        case "cp950":
            return -11.0 if 0xA4 <= lead <= 0xC6 else -14.0
        case "cp932":
            return -11.0 if 0x88 <= lead <= 0x97 else -15.0
        case "euc_jp":
            return -11.0 if 0xB0 <= lead <= 0xCF else -15.0
        case _:
            if lead < 0xA1 or trail < 0xA1:
                return -16.0
            return -9.5 if 0xB0 <= lead <= 0xC8 else -15.0


def _odd_letter(character: str) -> float:
    if "\ud800" <= character <= "\udfff":
        return -25.0
    return -9.0 if character.isalpha() else -11.0


def _misfits(text: str, codec: str) -> float:
    """How often letters stand beside letters that they never stand beside in a real word."""
    penalty = 0.0
    before = " "
    run = 0
    latin = codec in _LATIN
    for character in text:
        if character <= "\x7f":
            if not latin and run and character.isalpha():
                penalty += 4.0
            run = 0
        else:
            if character.isalpha():
                run += 1
                if latin and run > 2:
                    penalty += 4.0
                if not latin and run == 1 and before <= "\x7f" and before.isalpha():
                    penalty += 4.0
            if character.isupper() and before.islower():
                penalty += 4.0
        before = character
    return penalty
