"""What the bodies of unfinished requests may hold in memory, all together."""

import contextlib
from collections.abc import Callable, Iterator

from api.http.problems import TOO_BUSY, Problem

LIMIT_BYTES = 64 << 20


class Memory:
    """Shares a bound among the requests that are under way.

    Args:
        limit: bytes.
    """

    def __init__(self, limit: int = LIMIT_BYTES) -> None:
        self._left = limit

    @contextlib.contextmanager
    def share(self) -> Iterator[Callable[[int], None]]:
        """While inside, the given function takes so many bytes more for one request; then it gives them back.

        The function raises `Problem` where all requests together would hold too much.
        """
        held = 0

        def take(size: int) -> None:
            nonlocal held
            if size > self._left:
                raise Problem(TOO_BUSY, headers={"Retry-After": "5"})
            self._left -= size
            held += size

        try:
            yield take
        finally:
            self._left += held
