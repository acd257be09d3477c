"""Reading one value: from a TOML value or from the text of an environment variable to the setting's type."""

import json
import math
import re
import typing
from pathlib import Path
from typing import Any

import msgspec

from config.options import Key
from config.settings import Token

DURATIONS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3_600.0, "d": 86_400.0, "w": 604_800.0}
SIZES = {
    "": 1,
    "b": 1,
    "kb": 10**3,
    "mb": 10**6,
    "gb": 10**9,
    "tb": 10**12,
    "kib": 1 << 10,
    "mib": 1 << 20,
    "gib": 1 << 30,
    "tib": 1 << 40,
}
MASK = "********"

_NUMBER = r"[0-9]+(?:\.[0-9]+)?"
_DURATION_PART = re.compile(rf"({_NUMBER})\s*(ms|[smhdw])\s*", re.IGNORECASE)
_WORDS = {
    "true": True,
    "yes": True,
    "on": True,
    "1": True,
    "false": False,
    "no": False,
    "off": False,
    "0": False,
}
_SIZE = re.compile(rf"({_NUMBER})\s*([a-z]*)", re.IGNORECASE)


def read_value(key: Key, given: Any) -> Any:
    """Make of a TOML value, or of text, the value that the setting has in `Settings`.

    Args:
        key: the setting.
        given: what the file or the environment says.

    Raises:
        ValueError: it cannot be one; the text says what is allowed.
    """
    value = _convert(key, given)
    option = key.option
    entries = value if isinstance(value, tuple) else (value,)
    size = len(value) if isinstance(value, tuple) else value
    if option.choices and value not in option.choices:
        raise ValueError(f"must be {key.wanted}")
    if option.at_least is not None and size < option.at_least:
        raise ValueError(f"must be {key.wanted}" if size is value else "must have at least one entry")
    if option.at_most is not None and size > option.at_most:
        raise ValueError(f"must be {key.wanted}")
    if option.pattern and not all(re.fullmatch(option.pattern, str(entry)) for entry in entries):
        raise ValueError(f"must be {key.wanted}")
    if len(set(entries)) != len(entries):
        raise ValueError("must not name an entry twice")
    return value


def mask_value(key: Key | None, given: Any) -> str:
    """Write a given value for a message, without what must stay secret."""
    if key is not None and key.name == "redis_url":
        return repr(mask_password(str(given)))
    if key is not None and key.option.secret:
        return MASK
    shown = repr(given)
    return shown if len(shown) <= 80 else shown[:77] + "..."


def mask_password(url: str) -> str:
    """Replace the password in a URL."""
    return re.sub(r"(?<=://)([^:/@]*):.*(?=@)", rf"\1:{MASK}", url)


def _convert(key: Key, given: Any) -> Any:
    try:
        if key.option.unit == "seconds":
            return parse_duration(given)
        if key.option.unit:
            return parse_size(given)
        if typing.get_origin(key.type) is tuple:
            entry_type = typing.get_args(key.type)[0]
            return _read_tokens(given) if entry_type is Token else _read_names(given)
        if key.type is bool:
            return _read_bool(given)
        if key.type is int:
            return _read_integer(given)
        if key.type is Path:
            return _read_directory(given)
        if isinstance(given, str):
            return given.strip()
    except _Unreadable as unreadable:
        reason = f": {unreadable}" if str(unreadable) else ""
        raise ValueError(f"must be {key.wanted}{reason}") from None
    raise ValueError(f"must be {key.wanted}")


class _Unreadable(ValueError):
    """The value has not the form of its type; the text, where there is one, says more."""


def parse_duration(given: Any) -> float:
    """Read seconds from a number or from text such as `25s`, `1h30m` or `7d`.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(given, int | float) and not isinstance(given, bool):
        return _finite(float(given))
    text = given.strip() if isinstance(given, str) else ""
    if re.fullmatch(_NUMBER, text):
        return _finite(float(text))
    parts = _DURATION_PART.findall(text)
    if not parts or _DURATION_PART.sub("", text):
        raise _Unreadable
    return _finite(sum(float(number) * DURATIONS[unit.lower()] for number, unit in parts))


def parse_size(given: Any) -> int:
    """Read bytes from a whole number or from text such as `256KiB` or `1.5GB`.

    Raises:
        ValueError: it is neither.
    """
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    match = _SIZE.fullmatch(given.strip()) if isinstance(given, str) else None
    if match is None or match[2].lower() not in SIZES:
        raise _Unreadable
    return round(_finite(float(match[1]) * SIZES[match[2].lower()]))


def _finite(number: float) -> float:
    if not math.isfinite(number):
        raise _Unreadable
    return number


def _read_bool(given: Any) -> bool:
    word = given.strip().lower() if isinstance(given, str) else given
    if word is True or word is False:
        return word
    if isinstance(word, str) and word in _WORDS:
        return _WORDS[word]
    raise _Unreadable


def _read_integer(given: Any) -> int:
    if isinstance(given, int) and not isinstance(given, bool):
        return given
    if isinstance(given, str) and re.fullmatch(r"[+-]?[0-9]{1,18}", given.strip()):
        return int(given)
    raise _Unreadable


def _read_directory(given: Any) -> Path:
    if not isinstance(given, str | Path) or not str(given).strip() or "\0" in str(given):
        raise _Unreadable
    path = Path(given).expanduser().absolute()
    if path.exists() and not path.is_dir():
        raise _Unreadable("there is a file of that name")
    return path


def _read_names(given: Any) -> tuple[str, ...]:
    entries = given.split(",") if isinstance(given, str) else given
    if not isinstance(entries, list | tuple) or not all(isinstance(entry, str) for entry in entries):
        raise _Unreadable
    return tuple(entry.strip() for entry in entries if entry.strip())


def _read_tokens(given: Any) -> tuple[Token, ...]:
    try:
        entries = json.loads(given) if isinstance(given, str) else given
        tokens = msgspec.convert(entries, tuple[Token, ...])
    except json.JSONDecodeError:
        raise _Unreadable("in the environment it is written as JSON") from None
    except msgspec.ValidationError as error:
        raise _Unreadable(str(error)) from None
    for token in tokens:
        if not re.fullmatch(r"[0-9a-f]{64}", token.sha256):
            raise _Unreadable(f"the sha256 of {token.name!r} is not one")
        if not re.fullmatch(r"[A-Za-z0-9_.@-]{1,64}", token.name):
            raise _Unreadable("a name is made of letters, digits, and _ . @ -, 64 at most")
        if not re.fullmatch(r"[A-Za-z0-9_.@-]{1,64}", token.owner):
            raise _Unreadable("an owner is made of letters, digits, and _ . @ -, 64 at most")
    return tokens
