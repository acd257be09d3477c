"""How fast each client may make requests: so many in a minute, all at once if they like.

Kept in this process: to ask Redis would cost those who are refused nothing and the service something.
"""

import time
from collections.abc import Callable

MINUTE = 60.0
MOST_CLIENTS = 10_000  # remembered before those are dropped that have all of their minute again


class Pace:
    """The requests of the last minute, one number for each client."""

    def __init__(self, *, clock: Callable[[], float] = time.monotonic) -> None:
        self._clock = clock
        self._spent_until: dict[str, float] = {}
        self._most = MOST_CLIENTS

    def take(self, client: str, a_minute: int) -> float:
        """Take one request of a client.

        Args:
            a_minute: how many it may make; 0 for any number.

        Returns: 0.0, or where it must wait, the seconds until there is one.
        """
        if a_minute == 0:
            return 0.0
        now = self._clock()
        each = MINUTE / a_minute
        spent_until = max(self._spent_until.get(client, now), now)
        wait = spent_until + each - now - MINUTE
        if wait > 1e-6:
            return wait
        if client not in self._spent_until and len(self._spent_until) >= self._most:
            self._forget(now)
        self._spent_until[client] = spent_until + each
        return 0.0

    def give_back(self, client: str, a_minute: int) -> None:
        """Take back that one was taken: it made nothing."""
        if a_minute and client in self._spent_until:
            self._spent_until[client] -= MINUTE / a_minute

    def _forget(self, now: float) -> None:
        self._spent_until = {client: until for client, until in self._spent_until.items() if until > now}
        # However many come in a minute, they are looked through once for each that came.
        self._most = max(MOST_CLIENTS, 2 * len(self._spent_until))
