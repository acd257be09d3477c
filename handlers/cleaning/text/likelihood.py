"""How likely a text is that some bytes are: the right decoding hits common letters where letters belong.

All figures are natural logarithms. They are rough on purpose: a wrong decoding is wrong by far, and where it
is not, the sender is told that the encoding was guessed.
"""

import functools
import math
import re
import unicodedata

import msgspec

from handlers.cleaning.text.alphabets import ALPHABETS, EAST_ASIAN_MARKS, IDEOGRAPHS, TYPOGRAPHY

_HALVES = re.compile("[\uff61-\uff9f]+")

CODECS = (*IDEOGRAPHS, *ALPHABETS)

_SIGN = -6.0
_ODD_LETTER = -9.0
_ODD_SIGN = -11.0
_UNDEFINED = -25.0
# Letters where no language has them: beside a digit, upper case after lower case; a sign inside a word.
_MISFIT = -4.0
_SIGN_IN_WORD = -6.0
_SIGN_AT_NUMBER = 2.0
_LETTERS = frozenset("aAlLo")


def rate(evidence: bytes, codec: str) -> float:
    """Return the likelihood that some bytes are text in an encoding."""
    return _rate_ideographs(evidence, codec) if codec in IDEOGRAPHS else _rate_letters(evidence, codec)


class _Codec(msgspec.Struct, frozen=True):
    """An encoding of one byte a character.

    Attributes:
        prior: how likely it is before anything is known.
        languages: for each, the likelihood of every byte.
        kinds: what each byte is: see `_kind`.
        is_latin: whether its letters stand beside those of ASCII.
    """

    prior: float
    languages: tuple[tuple[float, ...], ...]
    kinds: str
    is_latin: bool


def _rate_letters(evidence: bytes, codec: str) -> float:
    known = _codec(codec)
    around = b" " + evidence + b" "
    # What was seen once counts: a thousand times the same says hardly more.
    seen = {each for each in zip(around, around[1:], around[2:], strict=False) if each[1] >= 0x80}
    letters = max(sum(likelihoods[byte] for _, byte, _ in seen) for likelihoods in known.languages)
    return (
        known.prior
        + letters
        + sum(_fit(*(known.kinds[byte] for byte in each), is_latin=known.is_latin) for each in seen)
    )


@functools.cache
def _codec(codec: str) -> _Codec:
    prior, languages = ALPHABETS[codec]
    characters = [bytes([code]).decode(codec, "replace") for code in range(256)]
    return _Codec(
        prior,
        tuple(_likelihoods(characters, language) for language in languages),
        "".join(map(_kind, characters)),
        is_latin=any("LATIN" in unicodedata.name(letter, "") for letter in languages[0]),
    )


def _likelihoods(characters: list[str], language: str) -> tuple[float, ...]:
    common = {character: -1.5 - 0.7 * math.log(rank + 1) for rank, character in enumerate(language)}
    return tuple(
        common.get(character)
        or (_SIGN if character in TYPOGRAPHY else _ODD_LETTER if character.isalpha() else _ODD_SIGN)
        for character in characters
    )


def _kind(character: str) -> str:
    """Say what a character is to its neighbours.

    A letter of ASCII (a, A) or another one (l, L; o without case), a digit (0), a sign (+, # at numbers),
    what stands in words and at their edges (’), nothing that text has (x), or a space.
    """
    category = unicodedata.category(character)
    if character == "\ufffd" or (category == "Cc" and character > "\x7f"):
        return "x"
    if character.isascii():
        kinds = (str.islower, "a"), (str.isupper, "A"), (str.isdigit, "0")
        return next((kind for holds, kind in kinds if holds(character)), " ")
    if character in "’‘´·\xadªº":
        return "’"
    if character in "°±£€¥¢§½¼¾²³¹µ×":
        return "#"
    if category == "Lu":
        return "L"
    if category in ("Ll", "Mn"):
        return "l"
    return "o" if category.startswith("L") else " " if category.startswith("Z") else "+"


@functools.cache
def _fit(before: str, kind: str, after: str, *, is_latin: bool) -> float:
    """Return what it means that a character stands between two others."""
    if kind == "x":
        return _UNDEFINED
    fit = 0.0
    if kind in "+#" and before in _LETTERS and after in _LETTERS:
        return _SIGN_IN_WORD
    if kind == "#":
        return _SIGN_AT_NUMBER if "0" in (before, after) else 0.0
    if kind in "lLo":
        if "0" in (before, after):
            fit += _MISFIT
        # Latin words have a few such letters among those of ASCII, words in other scripts nothing else.
        if before not in _LETTERS and after not in _LETTERS:
            fit += _MISFIT
        if is_latin and before in "lL" and after in "lL":
            fit += _MISFIT
        if not is_latin:
            fit += _MISFIT * ((before in "aA") + (after in "aA"))
        if (kind == "L" and before in "al") or (kind == "l" and before in "AL" and after in "AL"):
            fit += _MISFIT
    return fit


def _rate_ideographs(evidence: bytes, codec: str) -> float:
    text = evidence.decode(codec, "surrogateescape")
    common = _ideographs(codec)
    seen = {character for character in text if character > "\x7f"}
    rating = IDEOGRAPHS[codec][0] + sum(
        common.get(character) or _rarity(character, codec) for character in seen
    )
    return rating + _MISFIT * _count_lone_halves(text)


@functools.cache
def _ideographs(codec: str) -> dict[str, float]:
    # Zipf: the n-th most frequent character is about n times rarer than the first.
    _, common, syllables = IDEOGRAPHS[codec]
    table = dict.fromkeys(EAST_ASIAN_MARKS, _SIGN)
    distinct = "".join(dict.fromkeys(common))
    table.update((character, -4.5 - 0.5 * math.log(rank + 1)) for rank, character in enumerate(distinct))
    table.update((character, -4.0 - 0.45 * math.log(rank + 1)) for rank, character in enumerate(syllables))
    return table


def _count_lone_halves(text: str) -> int:
    """Count katakana of half width that stand alone: in Windows-1252 they are signs such as ° and £."""
    return sum(len(run) == 1 for run in set(_HALVES.findall(text)))


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
