"""Log lines: `noun.verbed key=value ...`, or the same as one JSON object a line.

Text from outside cannot break a line or steer a terminal: control characters are escaped.
"""

from __future__ import annotations

import logging
import sys
import time
from typing import Any, Literal

import msgspec

Format = Literal["text", "json"]

_ESCAPES = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160))}
_ESCAPES |= {0x0A: "\\n", 0x0D: "\\r", 0x09: "\\t", 0x2028: "\\u2028", 0x2029: "\\u2029"}
_JSON_ESCAPES = {code: f"\\u{code:04x}" for code in (*range(127, 160), 0x2028, 0x2029)}
_NEEDS_QUOTES = frozenset(' "=')


def configure(*, level: str = "INFO", format: Format = "text") -> None:
    """Send this process's log to standard error.

    Args:
        level: the lowest level that is written: DEBUG also tells of each completed job.
        format: "text" for people, "json" for collectors.
    """
    output = logging.StreamHandler(sys.stderr)
    output.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    root = logging.getLogger()
    root.handlers[:] = [output]
    root.setLevel(level)


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
        logger.log(level, name, exc_info=exc_info, extra={"fields": fields})


class TextFormatter(logging.Formatter):
    """One line an event; the lines of a traceback follow it, indented."""

    def format(self, record: logging.LogRecord) -> str:
        parts = [_timestamp(record), f"{record.levelname:<7}", escape(record.getMessage())]
        parts += [f"{name}={_quote(value)}" for name, value in _fields(record).items()]
        line = " ".join(parts)
        if record.exc_info:
            for each in self.formatException(record.exc_info).splitlines():
                line += f"\n    | {escape(each)}"
        return line


class JsonFormatter(logging.Formatter):
    """One JSON object an event, with any traceback inside."""

    def format(self, record: logging.LogRecord) -> str:
        entry: dict[str, Any] = {
            "time": _timestamp(record),
            "level": record.levelname,
            "event": record.getMessage(),
            **_fields(record),
        }
        if record.exc_info:
            entry["traceback"] = self.formatException(record.exc_info)
        return msgspec.json.encode(entry, enc_hook=str).decode().translate(_JSON_ESCAPES)


def escape(text: str) -> str:
    """Return `text` with every control character written out."""
    return text.translate(_ESCAPES)


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    fields: dict[str, Any] = getattr(record, "fields", {})
    return {name: value for name, value in fields.items() if value is not None}


def _quote(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else escape(str(value))
    if not text or not _NEEDS_QUOTES.isdisjoint(text):
        return '"' + text.replace('"', '\\"') + '"'
    return text


def _timestamp(record: logging.LogRecord) -> str:
    seconds = time.strftime("%Y-%m-%dT%H:%M:%S", time.gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"
