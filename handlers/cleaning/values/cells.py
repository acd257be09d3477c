"""What surrounds and disturbs the text of a cell, and the text without it."""

import re

# Between the cells of a column or a row that are worked on as one text; no tidy cell holds it.
SEPARATOR = "\x1f"

# Punctuation of Windows-1252 that was once read as Latin-1: there it is control characters that no text has.
_WINDOWS_LETTERS = {
    code: letter for code in range(0x80, 0xA0) if (letter := bytes([code]).decode("cp1252", "ignore"))
}
# What no cell has a use for, and what XLSX cannot hold; tab and line break stay. A byte order mark inside a
# file was left there when files were pasted together.
_UNUSED = dict.fromkeys(
    [*range(9), 11, 12, *range(14, 32), 127, *({*range(0x80, 0xA0)} - _WINDOWS_LETTERS.keys()), 0xFEFF]
)
_HAS_UNUSED = re.compile(f"[{re.escape(''.join(map(chr, _UNUSED)))}]")
_HAS_WINDOWS_LETTERS = re.compile(f"[{''.join(map(chr, _WINDOWS_LETTERS))}]")
_TEXT_FORMULA = re.compile(r'="((?:[^"]|"")*)"')
_UNSEEN = "\u200b\u200e\u200f" + "".join(filter(str.isspace, map(chr, range(0x3001))))


def tidy_cell(text: str) -> str:
    """Return a cell without all that surrounds and disturbs it."""
    return unwrap_text(even_breaks(restore_letters(remove_controls(text))).strip())


def tidy_name(text: str) -> str:
    """Return a column's name as a tidy cell on one line, without characters that nobody sees around it."""
    return " ".join(tidy_cell(text).strip(_UNSEEN).split())


def holds_controls(text: str) -> bool:
    """Whether `remove_controls` would change a text."""
    return _HAS_UNUSED.search(text) is not None


def remove_controls(text: str) -> str:
    """Return a text without control characters and stray byte order marks."""
    return text.translate(_UNUSED)


def holds_windows_letters(text: str) -> bool:
    """Whether `restore_letters` would change a text."""
    return not text.isascii() and _HAS_WINDOWS_LETTERS.search(text) is not None


def restore_letters(text: str) -> str:
    """Return a text with the letters of Windows-1252 that had become control characters."""
    # U+0085 is a line break where it stands alone, as it does in files of mainframes.
    return text if text.isascii() or text.isspace() else text.translate(_WINDOWS_LETTERS)


def even_breaks(text: str) -> str:
    """Return a text with every line break as `\\n`."""
    return text.replace("\r\n", "\n").replace("\r", "\n") if "\r" in text else text


def unwrap_text(text: str) -> str:
    """Return the text of a formula that is nothing but a text: `="007"`, by which Excel keeps the zeros."""
    while found := _TEXT_FORMULA.fullmatch(text):
        text = found[1].replace('""', '"').strip()
    return text


def may_be_untidy(text: str) -> bool:
    """Whether the cells of a text may need more than their spaces and line breaks tidied."""
    return '="' in text or holds_controls(text) or holds_windows_letters(text)
