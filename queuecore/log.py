"""Log lines: `noun.verbed key=value ...`, or the same as one JSON object a line.

Text from outside cannot break a line, steer a terminal or fill a disk: control characters are
escaped, and what is long is cut.
"""

from __future__ import annotations

import logging
import sys
from math import isfinite
from time import gmtime, strftime
from types import TracebackType
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
_STANDARD = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime", "taskName"}
_FIELDS = "queuecore_fields"
_ALWAYS = frozenset({"time", "level", "event", "traceback"})  # in each line of JSON


def configure(
    *, level: str = "INFO", format: Format = "text", stream: TextIO | None = None
) -> logging.Handler:
    """Send this process's log to standard error, or another way than so far. Returns what writes it.

    Args:
        level: the lowest level that is written: DEBUG also tells of each completed job.
        format: "text" for people, "json" for collectors.
        stream: where to send it instead.
    """
    output = logging.StreamHandler(stream or sys.stderr)
    output.setFormatter(JsonFormatter() if format == "json" else TextFormatter())
    root = logging.getLogger()
    places = [each for each in (root, *_loggers()) if any(map(_is_ours, each.handlers))]
    if not places:
        root.handlers.clear()
    for place in places or [root]:
        place.handlers[:] = [output, *(each for each in place.handlers if not _is_ours(each))]
        place.setLevel(level)
    return output


class Caretaker:
    """Has those who log now go on doing so, to where they do, whatever is done to logging meanwhile.

    Handlers' modules set up logging as if they were alone: Python's `dictConfig` disables, unless it is
    told otherwise, every logger that there is. What a module says of `queuecore` by its name holds.
    """

    def __init__(self) -> None:
        root = logging.getLogger()
        self._outputs = root.handlers[:]
        self._output_levels = [each.level for each in self._outputs]
        self._level = root.level
        self._disabled_below = root.manager.disable
        self._enabled = [each for each in _loggers() if not each.disabled]
        names = {each.name.partition(".")[0] for each in self._enabled}
        self._tops = [logging.getLogger(name) for name in sorted(names)]

    def __enter__(self) -> Caretaker:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self.put_back()

    def put_back(self) -> None:
        """Put back what keeps them from it; what others may have for themselves stays."""
        root = logging.getLogger()
        for logger in self._enabled:
            logger.disabled = False
        if root.manager.disable > self._disabled_below:
            logging.disable(self._disabled_below)
        for output, level in zip(self._outputs, self._output_levels, strict=True):
            output.setLevel(level)
        if root.level == self._level and all(each in root.handlers for each in self._outputs):
            return
        for top in self._tops:
            # What it had from the root is its own now.
            if top.level == logging.NOTSET:
                top.setLevel(self._level)
            if not top.handlers:
                top.handlers[:] = self._outputs
                top.propagate = False


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
        logger.log(level, name, exc_info=exc_info, extra={_FIELDS: fields})


class TextFormatter(logging.Formatter):
    """One line an event; the lines of a traceback follow it, indented."""

    def format(self, record: logging.LogRecord) -> str:
        parts = [_timestamp(record), f"{record.levelname:<7}", escape(_cut(record.getMessage()))]
        parts += [f"{escape(name)}={_quote(value)}" for name, value in _fields(record).items()]
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
            # Nobody's field takes the place of one that all lines have.
            entry[f"{name}_" if name in _ALWAYS else _encodable(name)] = _plain(value)
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


def _loggers() -> list[logging.Logger]:
    """All loggers that there are, but the root."""
    found = logging.getLogger().manager.loggerDict.values()
    return [each for each in found if isinstance(each, logging.Logger)]


def _is_ours(output: logging.Handler) -> bool:
    return isinstance(output.formatter, TextFormatter | JsonFormatter)


def _cut(text: str) -> str:
    if len(text) <= LONGEST_TEXT:
        return text
    return f"{text[:LONGEST_TEXT]}... ({len(text) - LONGEST_TEXT} more characters)"


def _encodable(text: str) -> str:
    return text if text.isascii() else text.encode("utf-8", "backslashreplace").decode("utf-8")


def _fields(record: logging.LogRecord) -> dict[str, Any]:
    """Return the fields of an event of ours, and what others gave as `extra`."""
    given = {str(name): value for name, value in vars(record).items() if name not in _STANDARD}
    fields = given.pop(_FIELDS, None)
    if isinstance(fields, dict):
        return {name: value for name, value in fields.items() if value is not None} | given
    return given


def _plain(value: object) -> object:
    """Return a value as JSON keeps it: numbers that all readers understand, else text."""
    if value is None or isinstance(value, bool):
        return value
    if isinstance(value, int) and abs(value) <= _LARGEST:
        return int(value)
    if isinstance(value, float) and isfinite(value):
        return float(value)
    return _encodable(_cut(_text_of(value)))


def _text_of(value: object) -> str:
    try:
        return str.__str__(str(value))
    except Exception as error:  # a foreign object may fail at being shown
        return f"(its text cannot be read: {type(error).__name__})"


def _quote(value: object) -> str:
    text = f"{value:.3f}" if isinstance(value, float) else escape(_cut(_text_of(value)))
    if not text or not _NEEDS_QUOTES.isdisjoint(text):
        return '"' + text.replace('"', '\\"') + '"'
    return text


def _timestamp(record: logging.LogRecord) -> str:
    seconds = strftime("%Y-%m-%dT%H:%M:%S", gmtime(record.created))
    return f"{seconds}.{int(record.msecs):03d}Z"
