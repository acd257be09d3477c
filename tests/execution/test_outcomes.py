"""What failed attempts come to."""

import errno

import msgspec
import pytest

from queuecore import JobContext
from queuecore.execution import Attempt
from queuecore.execution.outcomes import outcome_of_failure
from queuecore.handling import DISK_TRIES, describe
from queuecore.model import Claim, Failing, Retrying

FULL = describe(OSError(errno.ENOSPC, "No space left on device"))


def attempt(*, failures: int, retries: int) -> Attempt:
    claim = Claim(
        id="main." + "a" * 22, attempt=failures + 1, kind="k", args=msgspec.Raw(b"\x80"), failures=failures
    )
    return Attempt(
        msgspec.structs.replace(claim, retries=retries), None, JobContext(claim.id, 1, "k"), 3.0, 0.0
    )


@pytest.mark.parametrize("retries", [1, 2])
def test_a_job_that_meets_a_full_disk_outlives_its_retries(retries: int) -> None:
    waited = 0.0
    for failures in range(DISK_TRIES):
        outcome = outcome_of_failure(attempt(failures=failures, retries=retries), FULL)
        assert isinstance(outcome, Retrying)
        waited += outcome.delay

    last = outcome_of_failure(attempt(failures=DISK_TRIES, retries=retries), FULL)
    assert isinstance(last, Failing)
    assert 16 * 3600 < waited < 26 * 3600


def test_a_job_without_retries_is_not_tried_again_for_a_disk() -> None:
    outcome = outcome_of_failure(attempt(failures=0, retries=0), FULL)

    assert isinstance(outcome, Failing)
    assert outcome.error.type == "disk-full"


def test_an_ordinary_failure_after_a_full_disk_ends_the_job() -> None:
    outcome = outcome_of_failure(attempt(failures=5, retries=2), describe(ValueError("no")))

    assert isinstance(outcome, Failing)
