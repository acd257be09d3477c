"""File names: which are taken, and how they are written into a header."""

import re
import unicodedata
from urllib.parse import quote

from api.http.problems import FILE_NAME_MISSING, FILE_NAME_NOT_ALLOWED, Problem

MAX_LENGTH = 255  # characters
_MAX_DECOMPOSED = (
    4 * MAX_LENGTH
)  # of what can become so many; composing takes time with the square of the length

_WITHOUT_LOOK = frozenset({"Cc", "Cf", "Cs", "Zl", "Zp"})
_JOINERS = frozenset("\u200c\u200d")
_SELECTORS = frozenset(map(chr, (*range(0xFE00, 0xFE10), *range(0xE0100, 0xE01F0))))
_KEYCAP = "\u20e3"
# Unicode's property Default_Ignorable_Code_Point as far as the categories above do not have it, and the blank
# of Braille.
_INVISIBLE = frozenset(
    {
        *"\u034f\u115f\u1160\u17b4\u17b5\u180b\u180c\u180d\u180f\u2065\u2800\u3164\uffa0",
        *map(chr, (*range(0xFFF0, 0xFFF9), *range(0xE0000, 0xE1000))),
        *_SELECTORS,
    }
)

# RFC 8187 attr-char without the percent sign's neighbours that some clients read as quoting.
_UNQUOTED = "!#$&+-.^_`|~"


def check_name(name: str) -> str:
    """Return a user's file name in its composed form, or refuse it.

    The name is only shown and given back at a download; it is never part of a path. It is refused all the
    same where it could not be stored under or would not look like what it is.

    Raises:
        Problem: there is none, it is too long, or it has something in it that no file name has.
    """
    if len(name) <= _MAX_DECOMPOSED:
        name = unicodedata.normalize("NFC", name)
    if not name.strip(" ."):
        raise Problem(FILE_NAME_MISSING) if not name.strip() else _refuse("it has no letters")
    if len(name) > MAX_LENGTH:
        raise _refuse(f"it has {len(name)} characters, and {MAX_LENGTH} are allowed")
    if "/" in name or "\\" in name:
        raise _refuse("it has a slash or backslash in it; send the name alone, without folders")
    for at, character in enumerate(name):
        if _is_invisible(name, at):
            raise _refuse(f"it has the invisible character U+{ord(character):04X} in it")
    return name


def extension(name: str) -> str:
    """Return the ending of a name in small letters with its dot; empty where there is none."""
    stem, dot, ending = name.rpartition(".")
    return f".{ending.lower()}" if dot and stem else ""


def content_disposition(name: str) -> str:
    """Write the header that makes a browser save a download under `name` (RFC 6266, RFC 8187).

    Any text is safe: what cannot be a file name is replaced.
    """
    name = unicodedata.normalize("NFC", name[:_MAX_DECOMPOSED])
    clean = "".join(
        "_" if character in '/\\:*?"<>|%' or _is_invisible(name, at) else character
        for at, character in enumerate(name)
    )
    clean = clean.strip(" .")[:MAX_LENGTH] or "download"
    plain = unicodedata.normalize("NFKD", clean).encode("ascii", "ignore").decode()
    plain = re.sub(r"[^A-Za-z0-9 !#$&+.^_`|~()@=,-]", "_", plain).strip(" .") or "download"
    header = f'attachment; filename="{plain}"'
    if plain != clean:
        header += f"; filename*=UTF-8''{quote(clean, safe=_UNQUOTED)}"
    return header


def _refuse(why: str) -> Problem:
    return Problem(FILE_NAME_NOT_ALLOWED, f"The name is refused because {why}.")


def _is_invisible(name: str, at: int) -> bool:
    """Whether a character has no look of its own, so that two names could look alike, or one like another.

    Joiners and variation selectors are taken where writing needs them: in Persian, Hindi, Japanese, emoji.
    """
    character = name[at]
    if character not in _INVISIBLE and unicodedata.category(character) not in _WITHOUT_LOOK:
        return False
    before, after = name[at - 1 : at], name[at + 1 : at + 2]
    if character in _JOINERS:
        return not (_takes_part(before) and _takes_part(after))
    if character in _SELECTORS:
        return not (after == _KEYCAP or (_takes_part(before) and before not in _SELECTORS))
    return True


def _takes_part(character: str) -> bool:
    return not character.isascii() and unicodedata.category(character)[0] in "LMS"
