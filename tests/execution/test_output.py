"""What a process prints, cut into lines of a log."""

from queuecore.execution.output import Lines
from queuecore.handling import MAX_LOG_LINE_CHARACTERS


def test_lines_come_out_whole_however_they_are_cut() -> None:
    printed = Lines()
    data = "one\ntwo €\n\nfour".encode()

    lines = [line for byte in data for line in printed.add(bytes([byte]))]

    assert lines == ["one", "two €", ""]
    assert printed.finish() == ("four",)
    assert printed.finish() == ()


def test_of_too_many_lines_at_once_the_last_are_kept_and_the_others_counted() -> None:
    lines = Lines().add(b"".join(b"%d\n" % number for number in range(1_000)))

    assert lines[0] == "(901 lines were dropped)"
    assert lines[-1] == "999"
    assert len(lines) == 100


def test_a_line_without_end_is_not_gathered() -> None:
    printed = Lines()

    for _ in range(1_000):
        assert printed.add(b"x" * 65_536) == ()

    (line,) = printed.finish()
    assert len(line) <= 4 * MAX_LOG_LINE_CHARACTERS


def test_of_a_line_that_is_written_over_the_end_is_shown() -> None:
    assert Lines().add(b" 1 %\r 2 %\r\n99 %\r100 %\n") == (" 2 %", "100 %")


def test_what_is_no_text_is_shown_as_far_as_it_is_one() -> None:
    assert Lines().add(b"a\xffb\n") == ("a\ufffdb",)
