"""Log lines: one event a line, whatever is in it, and no longer than it must be."""

import io
import json
import logging
import sys
from collections.abc import Callable, Iterator
from logging.config import dictConfig
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
    record.queuecore_fields = fields
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


class Unreadable:
    def __str__(self) -> str:
        raise RuntimeError


EXTRAS: list[tuple[dict[Any, Any], str, str]] = [
    ({"fields": {"a": 1}}, "fields=\"{'a': 1}\"", '"fields":"{\'a\': 1}"'),
    ({"event_fields": "x"}, "event_fields=x", '"event_fields":"x"'),
    ({"event": "other", "level": 5}, "event=other level=5", '"event_":"other","level_":5'),
    ({"user": None}, "user=None", '"user":null'),
    ({"share": float("nan")}, "share=nan", '"share":"nan"'),
    ({"done": True}, "done=True", '"done":true'),
    ({"name\nof": 1}, r"name\nof=1", r'"name\nof":1'),
    ({"\udcff": 1}, "=1", r'"\\udcff":1'),
    ({5: 1}, "5=1", '"5":1'),
    (
        {"what": Unreadable()},
        "(its text cannot be read: RuntimeError)",
        "(its text cannot be read: RuntimeError)",
    ),
]


@pytest.mark.parametrize(("extra", "text", "in_json"), EXTRAS, ids=lambda value: str(value)[:20])
def test_no_extra_is_lost_and_none_takes_the_place_of_ours(
    extra: dict[Any, Any], text: str, in_json: str
) -> None:
    record = _record("thing.happened", job="x")
    vars(record).update(extra)

    lines = [formatter.format(record) for formatter in FORMATTERS]

    assert text in lines[0]
    assert in_json in lines[1]
    assert len(lines[0].splitlines()) == 1
    entry = json.loads(lines[1])
    assert (entry["event"], entry["level"], entry["job"]) == ("thing.happened", "INFO", "x")


@pytest.mark.parametrize("formatter", FORMATTERS)
def test_a_text_without_a_form_in_utf_8_is_written_nevertheless(formatter: logging.Formatter) -> None:
    line = formatter.format(_record("\udcff", name="\udcff", count=10**400))

    assert line.encode("utf-8", "surrogateescape")
    if isinstance(formatter, JsonFormatter):
        assert json.loads(line)["event"] == "\\udcff"


@pytest.fixture
def logging_as_it_was() -> Iterator[None]:
    """Put all loggers back when the test is over."""
    for name in ("queuecore.test", "queuecore", "worker"):
        logging.getLogger(name)
    root = logging.getLogger()

    def all_loggers() -> list[logging.Logger]:
        named = list(root.manager.loggerDict.values())
        return [root, *(each for each in named if isinstance(each, logging.Logger))]

    before = {each: (each.handlers[:], each.level, each.propagate, each.disabled) for each in all_loggers()}
    yield
    for logger in all_loggers():
        # One that came with the test is left as new.
        handlers, level, propagate, disabled = before.get(logger, ([], logging.NOTSET, True, False))
        logger.handlers[:] = handlers
        logger.setLevel(level)
        logger.propagate, logger.disabled = propagate, disabled
    logging.disable(logging.NOTSET)


@pytest.mark.usefixtures("logging_as_it_was")
def test_the_log_goes_where_it_is_told_to() -> None:
    lines, later = io.StringIO(), io.StringIO()
    log.configure(stream=lines)
    log.event(logging.getLogger("queuecore.test"), logging.INFO, "thing.happened", job="x")

    log.configure(stream=later)
    log.event(logging.getLogger("queuecore.test"), logging.INFO, "thing.happened", job="y")

    assert lines.getvalue().endswith("thing.happened job=x\n")
    assert later.getvalue().endswith("thing.happened job=y\n")
    assert "job=y" not in lines.getvalue()


class Kept(logging.Handler):
    """A handler of others."""

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[str] = []

    def emit(self, record: logging.LogRecord) -> None:
        self.messages.append(record.getMessage())


NULL = {"null": {"class": "logging.NullHandler"}}
QUIET = logging.WARNING

SETUPS: dict[str, Callable[[], None]] = {
    "dictConfig": lambda: dictConfig({"version": 1}),
    "dictConfig of the root": lambda: dictConfig(
        {"version": 1, "handlers": NULL, "root": {"handlers": ["null"], "level": "WARNING"}}
    ),
    "dictConfig of the root, disabling nothing": lambda: dictConfig(
        {"version": 1, "handlers": NULL, "root": {"handlers": ["null"]}, "disable_existing_loggers": False}
    ),
    "basicConfig": lambda: logging.basicConfig(level=QUIET, handlers=[logging.NullHandler()], force=True),
    "a level": lambda: logging.getLogger().setLevel(QUIET),
    "a level of the outputs": lambda: [each.setLevel(QUIET) for each in logging.getLogger().handlers].clear(),
    "no outputs": lambda: logging.getLogger().handlers.clear(),
    "disable": lambda: logging.disable(logging.CRITICAL),
    "each logger": lambda: [
        setattr(logging.getLogger(name), "disabled", True) for name in list(logging.root.manager.loggerDict)
    ].clear(),
    "nothing": lambda: None,
}


@pytest.mark.parametrize("setup", SETUPS)
@pytest.mark.usefixtures("logging_as_it_was")
def test_whoever_logged_goes_on_whatever_is_done_to_logging(setup: str) -> None:
    lines = io.StringIO()
    logger, service = logging.getLogger("queuecore.test"), logging.getLogger("worker")
    log.configure(stream=lines, level="INFO")

    with log.Caretaker() as caretaker:
        SETUPS[setup]()
    log.event(logger, logging.INFO, "thing.happened", job="x")
    log.event(service, logging.INFO, "thing.happened", job="y")
    log.event(logger, logging.DEBUG, "thing.happened", job="z")
    SETUPS[setup]()
    caretaker.put_back()
    log.event(logger, logging.INFO, "thing.happened", job="again")

    assert [line.split("job=")[1] for line in lines.getvalue().splitlines()] == ["x", "y", "again"]


@pytest.mark.usefixtures("logging_as_it_was")
def test_others_have_of_logging_what_they_set_up() -> None:
    lines, kept = io.StringIO(), Kept()
    log.configure(stream=lines)

    with log.Caretaker():
        logging.basicConfig(level=QUIET, handlers=[kept], force=True)
    logging.getLogger("shop.mail").info("theirs")
    logging.getLogger("shop.mail").warning("theirs, loud")

    assert kept.messages == ["theirs, loud"]
    assert lines.getvalue() == ""


@pytest.mark.usefixtures("logging_as_it_was")
def test_what_is_said_of_ours_by_name_holds() -> None:
    lines, kept = io.StringIO(), Kept()
    log.configure(stream=lines)

    with log.Caretaker():
        dictConfig(
            {
                "version": 1,
                "handlers": {"kept": {"()": lambda: kept}},
                "root": {"handlers": []},
                "loggers": {"queuecore": {"handlers": ["kept"], "level": "WARNING"}},
            }
        )
    log.event(logging.getLogger("queuecore.test"), logging.INFO, "thing.happened")
    log.event(logging.getLogger("queuecore.test"), logging.WARNING, "thing.failed")

    assert kept.messages == ["thing.failed"]
    assert lines.getvalue() == ""


@pytest.mark.usefixtures("logging_as_it_was")
def test_an_output_that_others_add_gets_ours_too() -> None:
    lines, kept = io.StringIO(), Kept()
    log.configure(stream=lines)

    with log.Caretaker():
        logging.getLogger().addHandler(kept)
    log.event(logging.getLogger("queuecore.test"), logging.INFO, "thing.happened")

    assert kept.messages == ["thing.happened"]
    assert lines.getvalue().count("thing.happened") == 1


@pytest.mark.usefixtures("logging_as_it_was")
def test_the_log_can_be_sent_elsewhere_after_others_set_it_up() -> None:
    lines = io.StringIO()
    log.configure()
    with log.Caretaker():
        logging.basicConfig(level=QUIET, handlers=[logging.NullHandler()], force=True)

    log.configure(stream=lines, level="DEBUG", format="json")
    log.event(logging.getLogger("queuecore.test"), logging.DEBUG, "thing.happened")

    assert json.loads(lines.getvalue())["event"] == "thing.happened"
