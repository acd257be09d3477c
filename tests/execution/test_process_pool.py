"""What becomes of a job, and of the job after it, whatever it does to its process."""

import asyncio
import os
import signal
from typing import Any

import msgspec
import pytest

from queuecore import JobContext
from queuecore.execution import ProcessPool, pooled_process
from queuecore.execution.job_messages import Raised, Ready, Returned
from queuecore.execution.pooled_process import Died
from queuecore.handling import MAX_LOG_LINE_CHARACTERS, MAX_LOG_LINES_KEPT, News
from queuecore.processes.frames import encode_frame
from tests.execution.conftest import Run
from tests.worker.worker_process import eventually, is_alive

pytestmark = pytest.mark.fault


def result(ended: Any) -> Any:
    """What a job returned."""
    assert isinstance(ended, Returned), ended
    return msgspec.msgpack.decode(ended.result)


# Children that come back.


@pytest.mark.parametrize("how", ["raise", "return", "exit"])
async def test_the_child_of_a_job_cannot_answer_for_it(run: Run, how: str) -> None:
    own = await run("jobs.fork", how=how)
    others = [await run("jobs.echo", value=value) for value in range(3)]

    assert result(own) == (0 if how == "return" else 1)
    assert [result(each)[0] for each in others] == [0, 1, 2]


async def test_the_child_of_a_job_may_not_report_for_it(run: Run) -> None:
    heard: list[News] = []

    own = await run("jobs.fork", how="report", heard=heard.append)

    assert result(own) == 1
    assert not any(line == "from the child" for news in heard for line in news.log)


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
async def test_multiprocessing_works_in_a_job_process(run: Run, method: str) -> None:
    assert result(await run("jobs.multiprocessing", method=method)) == [1, 2, 3]
    assert result(await run("jobs.echo", value=1))[0] == 1


# What comes over the pipe.


async def test_a_job_process_holds_one_socket_of_its_runner_and_nothing_else(run: Run) -> None:
    held = result(await run("jobs.write", data=""))

    assert len([target for target in held if target.startswith("socket:")]) == 1, held


@pytest.mark.parametrize(
    "data",
    [
        "\x00\x00\x00\x01\xc1",
        "\xff\xff\xff\xff",
        "\x00\x00\x00\x0f\x81\xa4type\xa8Returned",
        # A whole message, of the kind that comes once.
        "\x00\x00\x00\x0d\x81\xa4type\xa5Ready"[:3] + "\x0c" + "\x81\xa4type\xa5Ready",
    ],
    ids=["no msgpack", "too long", "cut", "out of place"],
)
async def test_what_is_no_answer_ends_the_process_as_a_crash(run: Run, data: str) -> None:
    first = await run("jobs.echo", value=1)

    ended = await asyncio.wait_for(run("jobs.write", data=data, to_runner=True), 10)

    assert isinstance(ended, Died)
    assert "sent" in ended.error.title
    second = await run("jobs.echo", value=2)
    assert result(second)[0] == 2
    assert result(first)[1] != result(second)[1]


async def test_an_answer_behind_what_is_out_of_place_is_not_heard_any_more(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    out_of_place = encode_frame(Ready()).decode("latin-1")

    ended = [await run("jobs.write", data=out_of_place, to_runner=True) for _ in range(10)]

    assert all(isinstance(each, Died) for each in ended)


async def test_large_arguments_and_results_go_through(run: Run) -> None:
    assert result(await run("jobs.length", text="x" * 60_000_000)) == 60_000_000


async def test_a_process_that_dies_while_it_is_idle_is_signalled_then_and_not_later(
    run: Run, pool: ProcessPool, monkeypatch: pytest.MonkeyPatch
) -> None:
    signalled: list[int] = []
    monkeypatch.setattr(pooled_process, "end_group", signalled.append)
    monkeypatch.setattr(pooled_process, "end_family", signalled.append)
    (pid,) = [result(await run("jobs.echo", value=1))[1]]

    os.kill(pid, signal.SIGKILL)
    await eventually(lambda: signalled == [pid], "what it may have started is ended")
    after = result(await run("jobs.echo", value=2))[1]

    # By then its id may be another's.
    assert after != pid
    assert signalled == [pid]
    os.kill(after, signal.SIGKILL)


# Signals.


@pytest.mark.parametrize("whom", ["self", "group"])
async def test_a_stop_that_the_runner_did_not_ask_for_is_a_crash(run: Run, whom: str) -> None:
    ended = await run("jobs.terminate", whom=whom)

    assert isinstance(ended, Died)
    assert "SIGTERM" in ended.error.title
    assert result(await run("jobs.echo", value=1))[0] == 1


# What is left in the process.


@pytest.mark.parametrize(
    "what",
    [
        "memory",
        "descriptors",
        "thread",
        "child",
        "signal",
        "alarm",
        "mask",
        "limit",
        "stdout",
        "clock",
        "path",
    ],
)
async def test_a_process_in_which_a_job_left_something_runs_no_other(
    run: Run, pool: ProcessPool, what: str
) -> None:
    left = result(await run("jobs.leave", what=what))

    after = result(await run("jobs.look"))

    assert after["pid"] != left
    assert not is_alive(left)


@pytest.mark.parametrize("what", ["nothing", "directory", "environment", "umask", "context"])
async def test_what_can_be_put_back_costs_no_process(run: Run, what: str) -> None:
    left = result(await run("jobs.leave", what=what))

    after = result(await run("jobs.look"))

    assert after["pid"] == left
    assert after == {
        "directory": os.getcwd(),
        "left": None,
        "umask": 0o077,
        "precision": 28,
        "pid": left,
    }


async def test_a_process_ends_at_once_whatever_was_registered_for_its_end(
    run: Run, pool: ProcessPool
) -> None:
    left = result(await run("jobs.leave", what="atexit"))

    ended = await run("jobs.terminate", whom="self")
    after = await asyncio.wait_for(run("jobs.echo", value=1), 10)

    assert isinstance(ended, Died)
    assert result(after)[1] != left


@pytest.mark.parametrize("what", ["memory", "descriptors"])
async def test_what_ran_out_in_a_used_process_is_tried_again_in_a_fresh_one(run: Run, what: str) -> None:
    warm = result(await run("jobs.exhaust", what=what))
    assert warm[0] == "warm"

    ended = await run("jobs.exhaust", what=what)

    # With what the first try had saved.
    assert result(ended) == ["fresh", "seen"]


async def test_what_runs_out_in_a_fresh_process_fails(run: Run) -> None:
    await run("jobs.echo", value=1)

    ended = await run("jobs.always_exhausted")

    assert isinstance(ended, Raised)
    assert ended.failure.error.type == "out-of-memory"
    assert not ended.failure.error.retryable


# What is printed.


async def _lines(run: Run, how: str) -> tuple[Any, list[str]]:
    heard: list[News] = []
    ended = await run("jobs.print", how=how, heard=heard.append)
    return ended, [line for news in heard for line in news.log]


async def test_what_a_job_prints_comes_into_its_log(run: Run) -> None:
    _, printed = await _lines(run, "print")
    _, written = await _lines(run, "write")
    _, by_child = await _lines(run, "child")

    assert printed == ["a line", "an error", "no end"]
    assert sorted(written) == ["from C", "raw"]
    assert by_child == ["from a child"]


async def test_last_words_are_not_lost_with_the_process(run: Run) -> None:
    ended, lines = await _lines(run, "die")

    assert isinstance(ended, Died)
    assert lines == ["last words"]


async def test_much_output_is_bounded_and_says_so(run: Run) -> None:
    context = JobContext("id", 1, "kind")

    await run("jobs.print", how="much", heard=context.pass_on)
    much = context.take_news().log
    await run("jobs.print", how="long", heard=context.pass_on)
    long = context.take_news().log

    assert len(much) == MAX_LOG_LINES_KEPT + 1
    assert "dropped" in much[0]
    assert much[-1].startswith("99999 ")
    assert len(long) == 1
    assert len(long[0]) == MAX_LOG_LINE_CHARACTERS


# What a job started.


async def test_a_job_that_is_stopped_takes_all_it_started_with_it(run: Run, pool: ProcessPool) -> None:
    heard: list[News] = []
    running = asyncio.ensure_future(run("jobs.children", heard=heard.append))
    await eventually(lambda: any(news.log for news in heard), "the children are up")
    pids = [int(pid) for pid in next(news.log[0] for news in heard if news.log).split()]

    running.cancel()
    await asyncio.wait((running,))

    await eventually(lambda: not any(map(is_alive, pids)), "the children are gone")


# Async handlers, in an event loop of their own.


async def test_a_coroutine_runs_in_a_job_process_and_leaves_nothing_there(run: Run) -> None:
    heard: list[News] = []

    first = result(await run("jobs.coroutine", how="return", heard=heard.append))
    second = result(await run("jobs.coroutine", how="return"))

    assert first == second == ["done", first[1]]
    assert first[1] != os.getpid()
    assert any(news.progress is not None for news in heard)
    assert [line for news in heard for line in news.log] == ["cleaned up"]


@pytest.mark.parametrize(
    ("how", "said"),
    [
        ("raise", "No."),
        ("stop", "RuntimeError"),
        ("cancel", "CancelledError"),
        ("exit", "SystemExit"),
    ],
)
async def test_whatever_a_coroutine_does_to_its_event_loop_ends_its_attempt_only(
    run: Run, how: str, said: str
) -> None:
    ended = await asyncio.wait_for(run("jobs.coroutine", how=how), 10)

    assert isinstance(ended, Raised)
    assert said in ended.failure.error.title
    assert result(await run("jobs.echo", value=1))[0] == 1


async def test_a_coroutine_that_is_stopped_cleans_up_first(run: Run, pool: ProcessPool) -> None:
    heard: list[News] = []
    running = asyncio.ensure_future(run("jobs.coroutine", how="wait", seconds=60.0, heard=heard.append))
    await eventually(lambda: heard, "it runs")

    running.cancel()
    await asyncio.wait((running,), timeout=5)

    assert running.cancelled()
    assert [line for news in heard for line in news.log] == ["cleaned up"]
