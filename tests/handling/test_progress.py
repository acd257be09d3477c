"""Progress: honest numbers from what handlers report, cheap to report."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from queuecore import JobContext, PayloadTooLarge, Step
from queuecore.handling import ProgressMeter
from queuecore.handling.context import MAX_LOG_LINES_KEPT
from queuecore.handling.progress import LARGEST_FRACTION, ProgressReport

numbers = st.one_of(st.floats(), st.integers(-(10**6), 10**6).map(float))
steps = st.builds(Step, st.just("step"), st.integers(1, 5), st.just(5))
reports = st.builds(
    ProgressReport,
    done=numbers,
    total=st.none() | numbers,
    step=st.none() | steps,
    fraction=st.none() | numbers,
)


@given(st.lists(st.tuples(reports, st.floats(0, 100)), max_size=30))
def test_the_fraction_never_falls_and_stays_below_one_whatever_is_reported(
    said: list[tuple[ProgressReport, float]],
) -> None:
    meter = ProgressMeter()
    now, last = 0.0, 0.0

    for report, pause in said:
        now += pause
        progress = meter.measure(report, now=now, now_ms=0)
        if progress.fraction is not None:
            assert last <= progress.fraction <= LARGEST_FRACTION
            last = progress.fraction
        for number in (progress.done, progress.total, progress.rate, progress.eta):
            assert number is None or math.isfinite(number)
        assert progress.rate is None or progress.rate >= 0
        assert progress.eta is None or progress.eta >= 0


@given(rate=st.floats(0.1, 10_000), interval=st.floats(0.1, 1.0))
def test_an_even_pace_gives_the_true_rate_and_time_left(rate: float, interval: float) -> None:
    meter = ProgressMeter()
    total = rate * 100

    for tick in range(200):
        now = tick * interval
        progress = meter.measure(ProgressReport(rate * now, total), now=now, now_ms=0)
        if now < 2.0:
            assert progress.eta is None
        if progress.eta is not None:
            assert progress.eta == pytest.approx(100 - now, rel=0.01)
        if progress.rate is not None:
            assert progress.rate == pytest.approx(rate, rel=0.01)
        if now >= 100 * LARGEST_FRACTION - interval:
            break

    assert progress.eta is not None
    assert progress.rate is not None


def test_the_rate_follows_a_change_of_pace() -> None:
    meter = ProgressMeter()
    done = 0.0

    for second in range(120):
        done += 100 if second < 60 else 10
        progress = meter.measure(ProgressReport(done, 100_000), now=second, now_ms=0)

    assert progress.rate == pytest.approx(10, rel=0.2)


def test_no_time_left_is_said_on_too_little_evidence() -> None:
    meter = ProgressMeter()

    early = [meter.measure(ProgressReport(n, 1000), now=n, now_ms=0).eta for n in range(20)]

    assert early == [None] * 20  # less than 2 % done
    assert meter.measure(ProgressReport(20, 1000), now=20, now_ms=0).eta == pytest.approx(980, rel=0.01)


def test_going_on_from_a_checkpoint_does_not_count_as_speed() -> None:
    meter = ProgressMeter()

    for second in range(11):
        progress = meter.measure(ProgressReport(500 + 10 * second, 1000), now=second, now_ms=0)

    assert progress.eta == pytest.approx(40, rel=0.01)


@pytest.mark.parametrize(
    ("report", "fraction"),
    [
        (ProgressReport(1), None),
        (ProgressReport(1, 4), 0.25),
        (ProgressReport(4, 4), LARGEST_FRACTION),
        (ProgressReport(9, 4), LARGEST_FRACTION),
        (ProgressReport(-1, 4), 0.0),
        (ProgressReport(1, 0), None),
        (ProgressReport(1, 2, step=Step("b", 2, 4)), 0.375),
        (ProgressReport(1, None, step=Step("b", 2, 4)), 0.25),
        (ProgressReport(1, 2, step=Step("b", 2, 4), fraction=0.9), 0.9),
        (ProgressReport(1, 2, fraction=math.nan), 0.5),
    ],
)
def test_the_fraction_is_that_of_the_whole_job(report: ProgressReport, fraction: float | None) -> None:
    assert ProgressMeter().measure(report, now=0, now_ms=7).fraction == fraction


def test_a_context_announces_news_once_until_it_is_taken() -> None:
    announced: list[JobContext] = []
    context = JobContext("id", 1, "kind", None, announced.append)

    for number in range(100):
        context.progress(number, 100)
    context.log("one")
    context.checkpoint({"row": 5})
    news = context.take_news()

    assert announced == [context]
    assert news.progress == ProgressReport(99.0, 100.0)
    assert news.log == ("one",)
    assert news.checkpoint is not None
    assert context.state == {"row": 5}
    assert not context.has_news
    context.log("two")
    assert len(announced) == 2


def test_a_checkpoint_is_what_it_was_when_it_was_saved() -> None:
    context = JobContext.detached()
    state = {"row": 1}

    context.checkpoint(state)
    state["row"] = 2

    assert context.state == {"row": 1}


def test_a_checkpoint_over_its_limit_is_refused_and_the_last_one_stays() -> None:
    context = JobContext.detached(state="small")

    with pytest.raises(PayloadTooLarge, match="checkpoint"):
        context.checkpoint("x" * 100_000)

    assert context.state == "small"


def test_log_lines_are_bounded() -> None:
    context = JobContext("id", 1, "kind")

    for number in range(MAX_LOG_LINES_KEPT + 5):
        context.log(f"{number} " + "x" * 5000)
    lines = context.take_news().log

    assert lines[0] == "(5 earlier lines were dropped)"
    assert lines[-1].startswith("104 ")
    assert max(map(len, lines)) <= 2000


def test_texts_without_a_form_in_utf_8_are_stored_nevertheless() -> None:
    context = JobContext("id", 1, "kind")

    context.progress(1, message="file \udcff.csv", step=Step("\udcff", 1, 1))
    context.log("line \udcff")
    news = context.take_news()

    assert news.progress is not None
    assert news.progress.message == "file ?.csv"
    assert news.log == ("line ?",)


def test_a_detached_context_records_the_last_progress() -> None:
    context = JobContext.detached(job_id="default.x", attempt=2)

    assert context.last_progress is None
    context.progress(1, 2, unit="rows")

    assert context.last_progress is not None
    assert (context.last_progress.fraction, context.last_progress.unit) == (0.5, "rows")
    assert (context.job_id, context.attempt, context.cancelled) == ("default.x", 2, False)
