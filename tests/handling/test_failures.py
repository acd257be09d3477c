"""What an exception means, and what people read of it."""

import errno

import pytest

from queuecore import Permanent
from queuecore.handling import (
    DISK_TRIES,
    describe,
    disk_delay,
    forget_frames,
    is_exhaustion,
    process_broken,
    process_died,
    process_stopped,
)


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


def test_an_end_that_nobody_asked_for_is_told_in_words() -> None:
    assert process_stopped().title == "The job's process was sent signal 15 (SIGTERM), not by its worker."
    assert process_broken("sent what is no message").title == (
        "The job's process sent what is no message and was killed."
    )


@pytest.mark.parametrize(
    ("error", "exhausted"),
    [
        (MemoryError(), True),
        (OSError(errno.EMFILE, "Too many open files"), True),
        (OSError(errno.ENOMEM, "Cannot allocate memory"), True),
        (OSError(errno.ENOENT, "No such file"), False),
        (ValueError(), False),
    ],
)
def test_what_earlier_jobs_may_have_used_up_is_told_from_the_rest(
    error: BaseException, exhausted: bool
) -> None:
    assert is_exhaustion(error) is exhausted


@pytest.mark.parametrize(
    ("word", "type"),
    [
        (errno.ENOSPC, "disk-full"),
        (errno.EDQUOT, "disk-full"),
        (errno.EROFS, "disk-refuses"),
        (errno.EIO, "disk-refuses"),
    ],
)
def test_a_disk_that_takes_nothing_is_named_and_waited_for(word: int, type: str) -> None:
    bare = OSError(word, "from the system")
    wrapped = RuntimeError("the file could not be written")
    wrapped.__cause__ = bare

    for error in (bare, wrapped):
        failure = describe(error)

        assert (failure.error.type, failure.of_disk, failure.error.retryable) == (type, True, True)
        assert "OSError" not in failure.error.title
    assert 45 <= disk_delay(1) <= 60
    assert 1350 <= disk_delay(DISK_TRIES) <= 1800


def test_another_error_of_the_system_is_no_trouble_with_the_disk() -> None:
    assert not describe(FileNotFoundError(errno.ENOENT, "No such file")).of_disk


def test_frames_are_forgotten_in_all_of_a_tree_of_exceptions() -> None:
    def tree() -> BaseException:
        try:
            try:
                raise KeyError
            except KeyError as error:
                raise ExceptionGroup("all", [error, ValueError()]) from error
        except ExceptionGroup as error:
            error.__context__ = error  # a circle
            return error

    error = tree()
    forget_frames(error)

    assert isinstance(error, ExceptionGroup)
    assert [error.__traceback__, *(each.__traceback__ for each in error.exceptions)] == [None] * 3


def test_a_text_of_a_type_of_its_own_becomes_a_plain_one() -> None:
    class Word(str):
        def __str__(self) -> str:
            return self

    record = describe(Permanent(Word("title"), Word("detail"), type=Word("type"))).error

    assert [type(text) for text in (record.title, record.detail, record.type)] == [str] * 3
