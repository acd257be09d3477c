"""A note that one process leaves for another is checked when it is read, and hurts nobody."""

import os
from collections.abc import Iterator

import msgspec
import pytest

from queuecore.processes import Note, make_note, read_note
from queuecore.processes.notes import NOTE_BYTES


class Said(msgspec.Struct, frozen=True):
    word: str


DECODER = msgspec.json.Decoder(Said)


@pytest.fixture
def descriptor() -> Iterator[int]:
    descriptor = make_note()
    yield descriptor
    os.close(descriptor)


def test_the_last_message_is_read_until_it_is_taken_away(descriptor: int) -> None:
    note = Note(os.dup(descriptor))
    assert read_note(descriptor, DECODER) is None

    note.write(Said("a longer word"))
    note.write(Said("last"))
    assert read_note(descriptor, DECODER) == Said("last")

    note.clear()
    assert read_note(descriptor, DECODER) is None


@pytest.mark.parametrize("garbage", [b"\xff" * NOTE_BYTES, b"[1]", b'{"word": 7}', b"{" * 10_000])
def test_what_is_no_message_is_read_as_none(descriptor: int, garbage: bytes) -> None:
    os.pwrite(descriptor, garbage, 0)

    assert read_note(descriptor, DECODER) is None


def test_a_message_that_is_too_long_leaves_an_empty_note(descriptor: int) -> None:
    note = Note(os.dup(descriptor))

    note.write(Said("x" * NOTE_BYTES))

    assert read_note(descriptor, DECODER) is None


def test_a_writer_whose_descriptor_was_closed_goes_on(descriptor: int) -> None:
    taken = os.dup(descriptor)
    note = Note(taken)
    os.close(taken)

    note.write(Said("lost"))
    note.clear()

    assert read_note(descriptor, DECODER) is None
