"""Log lines: one event a line, whatever is in it, and no longer than it must be."""

import io
import json
import logging
import sys
from typing import Any

import pytest

from queuecore import log
from queuecore.log import (
    LONGEST_TEXT,
    LONGEST_TRACEBACK,
    MOST_TRACEBACK_LINES,
    JsonFormatter,
    LineBudget,
    TextFormatter,
)

FORMATTERS = [TextFormatter(), JsonFormatter()]


def _record(message: str, exc_info: Any = None, **fields: Any) -> logging.LogRecord:
    record = logging.LogRecord("name", logging.INFO, "file", 1, message, (), exc_info)
    record.event_fields = fields
    return record


def test_control_characters_cannot_break_a_line() -> None:
    line = TextFormatter().format(_record("job.failed", title="a\r\nb\x1b[31m\u2028c", job="x", empty=None))

    assert line.endswith(r'job.failed title="a\r\nb\x1b[31m\u2028c" job=x') or line.endswith(
        r"job.failed title=a\r\nb\x1b[31m\u2028c job=x"
    )
    assert len(line.splitlines()) == 1


def test_quotes_cannot_forge_a_field() -> None:
    line = TextFormatter().format(_record("job.failed", title='x" state="completed'))

    assert r'title="x\" state=\"completed"' in line


def test_json_lines_are_json() -> None:
    try:
        raise ValueError("boom\nboom\x85")
    except ValueError:
        line = JsonFormatter().format(_record("handler.raised", sys.exc_info(), job="x", delay=0.5))

    entry = json.loads(line)

    assert len(line.splitlines()) == 1
    assert (entry["event"], entry["job"], entry["delay"]) == ("handler.raised", "x", 0.5)
    assert "ValueError: boom" in entry["traceback"]


@pytest.mark.parametrize("formatter", FORMATTERS)
def test_a_long_text_is_cut_and_says_so(formatter: logging.Formatter) -> None:
    line = formatter.format(_record("x" * 10_000_000, title="y" * 10_000_000))

    assert len(line) < 2 * LONGEST_TEXT + 300
    assert line.count(f"({10_000_000 - LONGEST_TEXT} more characters)") == 2


@pytest.mark.parametrize("formatter", FORMATTERS)
@pytest.mark.parametrize("text", ["x" * 10_000_000, "line\n" * 2_000_000])
def test_a_long_traceback_is_cut_in_the_middle(formatter: logging.Formatter, text: str) -> None:
    try:
        raise ValueError(text)
    except ValueError:
        line = formatter.format(_record("handler.raised", sys.exc_info()))

    assert len(line) < 2 * LONGEST_TRACEBACK
    assert len(line.splitlines()) < MOST_TRACEBACK_LINES + 10
    assert "test_log.py" in line
    assert "left out" in line


def test_a_budget_lets_so_many_lines_through_and_counts_the_rest() -> None:
    lines = io.StringIO()
    budget = LineBudget(3)
    logger = logging.Logger("of this test")
    handler = logging.StreamHandler(lines)
    handler.addFilter(budget)
    logger.addHandler(handler)

    for number in range(5):
        logger.warning("%d", number)
    held_back = budget.renew()
    logger.warning("again")

    assert lines.getvalue().split() == ["0", "1", "2", "again"]
    assert (held_back, budget.renew()) == (2, 0)


@pytest.mark.parametrize("formatter", FORMATTERS)
def test_what_others_give_as_extra_is_kept(formatter: logging.Formatter) -> None:
    record = logging.makeLogRecord({"msg": "hello", "levelname": "INFO", "fields": [1], "user": "ann"})

    line = formatter.format(record)

    assert "ann" in line
    assert "fields" in line


@pytest.mark.parametrize("formatter", FORMATTERS)
def test_a_text_without_a_form_in_utf_8_is_written_nevertheless(formatter: logging.Formatter) -> None:
    line = formatter.format(_record("\udcff", name="\udcff", count=10**400))

    assert line.encode("utf-8", "surrogateescape")
    if isinstance(formatter, JsonFormatter):
        assert json.loads(line)["event"] == "\\udcff"


def test_the_log_goes_where_it_is_told_to() -> None:
    root = logging.getLogger()
    handlers, level = root.handlers[:], root.level
    lines = io.StringIO()
    try:
        log.configure(stream=lines)
        log.event(logging.getLogger("queuecore.test"), logging.INFO, "thing.happened", job="x")
    finally:
        root.handlers[:] = handlers
        root.setLevel(level)

    assert lines.getvalue().endswith("thing.happened job=x\n")
