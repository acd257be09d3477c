"""What the log says of outcomes."""

import logging

import msgspec
import pytest

from queuecore import JobContext
from queuecore.execution import Attempt
from queuecore.model import Claim, Crashing, ErrorRecord, Failing, Outcome, Retrying
from queuecore.worker.feed import _log_outcome

ID = "main." + "a" * 22
ERROR = ErrorRecord("not-a-table", "The sheet 'Salaries of Ann' is empty.", "", retryable=False)


@pytest.mark.parametrize("outcome", [Failing(ID, 1, ERROR), Retrying(ID, 1, 1.0, ERROR)])
def test_the_log_has_nothing_that_a_handler_wrote_of_an_error(
    caplog: pytest.LogCaptureFixture, outcome: Outcome
) -> None:
    with caplog.at_level(logging.DEBUG):
        _log_outcome(attempt(), outcome)

    (line,) = caplog.records
    assert line.__dict__["queuecore_fields"]["error"] == "not-a-table"
    assert "Salaries" not in str(line.__dict__)


def test_the_log_says_how_a_process_died(caplog: pytest.LogCaptureFixture) -> None:
    died = ErrorRecord("crashed", "The job's process was killed by signal 9 (out of memory?).", "")

    with caplog.at_level(logging.DEBUG):
        _log_outcome(attempt(), Crashing(ID, 1, died))

    (line,) = caplog.records
    assert "signal 9" in line.__dict__["queuecore_fields"]["title"]


def attempt() -> Attempt:
    return Attempt(Claim(ID, 1, "k", msgspec.Raw(b"\x80")), None, JobContext(ID, 1, "k"), None, 0.0)
