"""Jobs as they are shown, kept for the next who asks while Redis holds the same of them."""

import msgspec

from api.kinds import Kinds
from api.shown.schemas import JobView, view_job
from queuecore import JobRecord
from queuecore.store import Jobs, StoredJob

MOST_JOBS = 1_000
MOST_BYTES = 4_096  # in Redis, of a job that is kept


class ShownJob(msgspec.Struct, frozen=True):
    """What Redis holds of a job, and what that means. The view has no place in line."""

    stored: StoredJob
    job: JobRecord
    view: JobView


class Views:
    """Reads jobs for one set of settings.

    Most polls find a job as the poll before did. What was read is used again only where what Redis holds now
    is equal to what was read then, so it is never old.

    Args:
        jobs: decodes the jobs.
        kinds: what is known of their kinds.
    """

    def __init__(self, jobs: Jobs, kinds: Kinds) -> None:
        self._jobs = jobs
        self._kinds = kinds
        self._kept: dict[str, ShownJob] = {}  # those asked for last at the end

    def show(self, stored: StoredJob) -> ShownJob:
        """Return a job as it is shown."""
        shown = self._kept.pop(stored.id, None)
        if shown is None or shown.stored != stored:
            job = self._jobs.read(stored)
            shown = ShownJob(stored, job, view_job(job, self._kinds))
            if _size(stored) > MOST_BYTES:
                return shown
        self._kept[stored.id] = shown
        if len(self._kept) > MOST_JOBS:
            del self._kept[next(iter(self._kept))]
        return shown


def _size(stored: StoredJob) -> int:
    return sum(map(len, stored.fields.values())) + sum(map(len, stored.history))
