"""Log lines: `noun.verbed key=value ...`, or the same as one JSON object a line.

Text from outside cannot break a line, steer a terminal or fill a disk: control characters are
escaped, and what is long is cut.
"""

from __future__ import annotations

import logging
import sys
from time import gmtime, strftime
from typing import Any, Final, Literal, TextIO

import msgspec

Format = Literal["text", "json"]

LONGEST_TEXT: Final = 4_000  # characters of a message or field
LONGEST_TRACEBACK: Final = 32_000  # characters
MOST_TRACEBACK_LINES: Final = 200

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_ESCAPES |= {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(127, 160), 0x2028, 0x2029)}
_NEEDS_QUOTES = frozenset(' "=')
_LARGEST = 2**53  # whole number that all readers of JSON understand
# What every record has; the rest was given as `extra`.
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName", "event_fields"}


def configure(
    *, level: str = "INFO", format: Format = "text", stream: TextIO | None = None
) -> logging.Handler:
    """Send this process's log to standard error. Returns what writes it.

    Args:
        level: the lowest level that is written: DEBUG also tells of each completed job.
        format: "text" for people, "json" for collectors.
        stream: where to send it instead.
    """
    output = logging.StreamHandler(stream or sys.stderr)
    output.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(level)
    return output


def event(
    logger: logging.Logger,
    level: int,
    name: str,
    *,
    exc_info: BaseException | None = None,
    **fields: Any,
) -> None:
    """Write one event, with the traceback of `exc_info`; fields that are None are left out."""
    if logger.isEnabledFor(level):
        logger.log(level, name, exc_info=exc_info, extra={"event_fields": fields})


class TextFormatter(logging.Formatter):
    """One line an event; the lines of a traceback follow it, indented."""

    def format(self, record: logging.LogRecord) -> str:
        parts = [_timestamp(record), f"{record.levelname:<7}", escape(_cut(record.getMessage()))]
        parts += [f"{name}={_quote(value)}" for name, value in _fields(record).items()]
        line = " ".join(parts)
        if record.exc_info:
            for each in shorten_traceback(self.formatException(record.exc_info)):
                line += f"\n    | {escape(each)}"
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object an event, with any traceback inside."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _timestamp(record),
            "level": record.levelname,
            "event": _encodable(_cut(record.getMessage())),
        }
        for name, value in _fields(record).items():
            number = isinstance(value, float) or (isinstance(value, int) and abs(value) <= _LARGEST)
            entry[name] = value if number else _encodable(_cut(str(value)))
        if record.exc_info:
            traceback = "\n".join(shorten_traceback(self.formatException(record.exc_info)))
            entry["traceback"] = _encodable(traceback)
        return msgspec.json.encode(entry).decode().translate(_JSON_ESCAPES)


class LineBudget(logging.Filter):
    """Lets so many lines through, and then no more until it is renewed.

    Args:
        lines: how many.
    """

    def __init__(self, lines: int) -> None:
        super().__init__()
        self._lines = lines
        self._left = lines

    def filter(self, record: logging.LogRecord) -> bool:
        self._left -= 1
        return self._left >= 0

    def renew(self) -> int:
        """Begin anew; returns how many lines were held back."""
        held_back = max(-self._left, 0)
        self._left = self._lines
        return held_back


def escape(text: str) -> str:
    """Return `text` with every control character written out."""
    return text.translate(_ESCAPES)


def shorten_traceback(text: str) -> list[str]:
    """Return the lines of a traceback, those in the middle left out where there are too many."""
    if len(text) > LONGEST_TRACEBACK:
        half = LONGEST_TRACEBACK // 2
        left_out = len(text) - 2 * half
        text = f"{text[:half]}\n... {left_out} characters left out ...\n{text[-half:]}"
    lines = text.splitlines()
    if len(lines) > MOST_TRACEBACK_LINES:
        half = MOST_TRACEBACK_LINES // 2
        lines[half:-half] = [f"... {len(lines) - 2 * half} lines left out ..."]
    return [_cut(line) for line in lines]


def _cut(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}... ({len(text) - LONGEST_TEXT} more characters)"


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of an event of ours, and what others gave as `extra`."""
    fields: dict[str, Any] = getattr(record, "event_fields", {})
    given = {name: value for name, value in vars(record).items() if name not in _STANDARD}
    return {name: value for name, value in {**fields, **given}.items() if value is not None}


def _quote(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else escape(_cut(str(value)))
    if not text or not _NEEDS_QUOTES.isdisjoint(text):
        return '"' + text.replace('"', '\\"') + '"'
    return text


def _timestamp(record: logging.LogRecord) -> str:
    seconds = strftime("%Y-%m-%dT%H:%M:%S", gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"
