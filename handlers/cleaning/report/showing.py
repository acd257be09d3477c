"""How texts from a file are shown to people: short, and with nothing in them that cannot be shown."""

from collections.abc import Iterable

_LONGEST = 80


def shorten(text: str) -> str:
    """Return a text as a sample shows it: not too long, and nothing that cannot be shown."""
    if len(text) > _LONGEST:
        text = text[: _LONGEST - 1] + "…"
    return show_undecoded(text)


def show_undecoded(text: str) -> str:
    """Return a text with the bytes that could not be decoded written as `\\xNN`."""
    if text.isascii():
        return text
    return "".join(
        f"\\x{ord(character) - 0xDC00:02x}"
        if "\udc80" <= character <= "\udcff"
        else f"\\u{ord(character):04x}"
        if "\ud800" <= character <= "\udfff"
        else character
        for character in text
    )


def list_names(names: Iterable[str], *, most: int = 5) -> str:
    """Return names as one text for a sentence: the first few, and how many more there are."""
    known = list(names)
    shown = ", ".join(f"“{shorten(name)}”" for name in known[:most])
    return f"{shown} and {len(known) - most} more" if len(known) > most else shown
