"""Messages between processes: whole, or not at all."""

import socket

import pytest

from queuecore.processes import Channel, receive_frame, send_frame
from queuecore.processes.frames import MAX_FRAME_BYTES, encode_frame
from queuecore.worker.control import Cancel, Drain, FromSupervisor, Look, from_supervisor
from tests.worker.worker_process import eventually

GARBAGE = [(MAX_FRAME_BYTES + 1).to_bytes(4, "big"), b"\x00\x00\x00\x01\xc1", b"\x00\x00\x00\x01\x01"]


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


@pytest.mark.parametrize("garbage", GARBAGE)
async def test_a_channel_hangs_up_on_what_is_no_message(garbage: bytes) -> None:
    ours, theirs = socket.socketpair()
    ends: list[bool] = []
    await Channel.open(ours, from_supervisor, received=lambda _: None, closed=lambda: ends.append(True))

    theirs.send(garbage)

    await eventually(lambda: ends, "the channel is closed")
    theirs.close()
