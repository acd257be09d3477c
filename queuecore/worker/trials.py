"""A job's last chance is taken one at a time, so that one that kills its runner takes no others with it.

Who was there when a runner died runs in a process of its own from then on, and
can only kill the runner that keeps these by killing its parent. Whoever has a job
there then has a crash counted, guilty or not. Begun together again and again, the
innocent would end with the guilty one. So a job whose next crash would be its last
does not start while another such job is on trial in this runner, and the supervisor
is told who waits: should the runner die now, those never ran, and their attempts are
given back unspent.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable

from ..execution import Attempt
from .control import Waiting

# Long enough for most that kill to have killed; a job of hours must not hold up the others.
TRIAL_SECONDS = 30.0
# What was sent to the supervisor must have left this process before the trial begins.
NOTICE_SECONDS = 0.02


class Trials:
    """The trials of one runner, one at a time.

    Args:
        tell: sends who waits to the supervisor.
    """

    def __init__(self, tell: Callable[[Waiting], None]) -> None:
        self._tell = tell
        self._loop = asyncio.get_running_loop()
        self._waiting: dict[Attempt, Callable[[Attempt], None]] = {}
        self._on_trial: Attempt | None = None
        self._over: asyncio.TimerHandle | None = None

    def is_due(self, attempt: Attempt) -> bool:
        """Return whether one more crash would be the job's last."""
        crashes = attempt.claim.crashes
        return crashes > 0 and attempt.handler is not None and crashes + 1 >= attempt.handler.max_crashes

    def wait(self, attempt: Attempt, begin: Callable[[Attempt], None]) -> None:
        """Call `begin` when it is the attempt's turn."""
        self._waiting[attempt] = begin
        self._announce()
        self._loop.call_later(NOTICE_SECONDS, self._begin_next)

    def withdraw(self, attempt: Attempt) -> None:
        """Forget an attempt that ended, or will not begin."""
        if self._waiting.pop(attempt, None) is not None:
            self._announce()
        if attempt is self._on_trial:
            self._end_trial()

    def _begin_next(self) -> None:
        if self._on_trial is not None or not self._waiting:
            return
        attempt = next(iter(self._waiting))
        begin = self._waiting.pop(attempt)
        self._on_trial = attempt
        self._over = self._loop.call_later(TRIAL_SECONDS, self._end_trial)
        self._announce()
        begin(attempt)

    def _end_trial(self) -> None:
        if self._over is not None:
            self._over.cancel()
        self._on_trial = None
        self._loop.call_later(NOTICE_SECONDS, self._begin_next)

    def _announce(self) -> None:
        self._tell(Waiting([(attempt.claim.id, attempt.claim.attempt) for attempt in self._waiting]))
