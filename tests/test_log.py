"""Log lines: one event a line, whatever is in it. Messages between processes: whole, or not at all."""

import json
import logging
import socket
import sys
from typing import Any

import msgspec
import pytest

from queuecore.handling import describe, encode_result, process_died
from queuecore.log import JsonFormatter, TextFormatter
from queuecore.processes import Channel, receive_frame, send_frame
from queuecore.processes.frames import MAX_FRAME_BYTES, encode_frame
from queuecore.worker.control import Cancel, Drain, FromSupervisor, Look, from_supervisor
from tests.worker.worker_process import eventually


def _record(message: str, exc_info: Any = None, **fields: Any) -> logging.LogRecord:
    record = logging.LogRecord("name", logging.INFO, "file", 1, message, (), exc_info)
    record.fields = fields
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


def test_frames_come_out_as_they_went_in_however_they_are_cut() -> None:
    ours, theirs = socket.socketpair()
    messages: list[FromSupervisor] = [Look("default"), Cancel("x" * 100_000), Drain(1.0)]
    with ours, theirs:
        theirs.setsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF, 1 << 20)
        for message in messages:
            send_frame(theirs, message)
        theirs.shutdown(socket.SHUT_WR)

        received = [receive_frame(ours, from_supervisor) for _ in range(4)]

    assert received == [*messages, None]


async def test_a_channel_delivers_messages_and_the_end() -> None:
    ours, theirs = socket.socketpair()
    received: list[FromSupervisor] = []
    ends: list[bool] = []
    await Channel.open(ours, from_supervisor, received=received.append, closed=lambda: ends.append(True))
    stream = encode_frame(Look("default")) + encode_frame(Cancel("id"))

    for byte in stream:
        theirs.send(bytes([byte]))
    await eventually(lambda: len(received) == 2, "both messages are there")
    theirs.close()

    await eventually(lambda: ends, "the end is told")
    assert received == [Look("default"), Cancel("id")]


@pytest.mark.parametrize(
    "garbage",
    [(MAX_FRAME_BYTES + 1).to_bytes(4, "big"), b"\x00\x00\x00\x01\xc1", b"\x00\x00\x00\x01\x01"],
)
async def test_a_channel_hangs_up_on_what_is_no_message(garbage: bytes) -> None:
    ours, theirs = socket.socketpair()
    ends: list[bool] = []
    await Channel.open(ours, from_supervisor, received=lambda _: None, closed=lambda: ends.append(True))

    theirs.send(garbage)

    await eventually(lambda: ends, "the channel is closed")
    theirs.close()


def test_an_error_without_a_readable_text_is_recorded_nevertheless() -> None:
    class Unreadable(Exception):
        def __str__(self) -> str:
            raise RuntimeError

    record = describe(Unreadable()).error

    assert record.title == "The job stopped with an unexpected error (Unreadable)."
    assert "cannot be read" in record.detail


def test_the_end_of_a_process_is_told_in_words() -> None:
    assert process_died(-9).title == "The job's process was killed by signal 9 (out of memory?)."
    assert process_died(-15).title == "The job's process was killed by signal 15 (SIGTERM)."
    assert process_died(0).title == "The job's process ended by itself with exit code 0."


def test_results_of_structs_are_stored() -> None:
    class Count(msgspec.Struct):
        rows: int

    assert msgspec.msgpack.decode(encode_result(Count(3))) == {"rows": 3}
