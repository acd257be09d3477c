"""All connections of a server, and the bounds on them: in all, and for one client.

Where a bound is reached, a connection that waits for its next request makes room, the one that waits longest
first. Only where all are at work a new one is refused.
"""

import logging
import resource
import time
from collections.abc import Callable, Iterable
from typing import Protocol

from api.http.addresses import client_at, is_in
from queuecore.log import event

logger = logging.getLogger(__name__)

FILES_A_CONNECTION = 2  # its socket, and the file that is sent or received
FILES_BESIDE = 80  # Redis, the event loop, the log, and what is opened for a moment
MOST_REFUSED = 32  # connections that are being told that they are refused
SAY_EVERY = 60.0  # seconds between two lines in the log about the same trouble


class Connection(Protocol):
    """What can be asked of a connection."""

    def leave(self) -> None:
        """Close now: it waits for a request, and its place is needed."""


class Connections:
    """Keeps the book of connections.

    Args:
        most: connections in all.
        most_of_client: says how many one client may have.
        proxies: addresses and networks of proxies, each of which is not a client but many.
    """

    def __init__(self, *, most: int, most_of_client: Callable[[], int], proxies: tuple[str, ...]) -> None:
        self._most = most
        self._most_of_client = most_of_client
        self._proxies = proxies
        self._client_of: dict[Connection, str] = {}  # empty for proxies
        self._of_client: dict[str, dict[Connection, None]] = {}
        self._waiting: dict[Connection, None] = {}  # since the longest first
        self._refused: set[Connection] = set()
        self._unsaid = 0
        self._said_at = -SAY_EVERY
        self._unreadable = 0
        self._blamed_at = -SAY_EVERY

    def __len__(self) -> int:
        return len(self._client_of)

    def take(self, connection: Connection, address: str) -> bool:
        """Take a new connection; returns False where it must be refused."""
        client = "" if is_in(address, self._proxies) else client_at(address)
        of_client = self._of_client.get(client, {}) if client else {}
        if len(of_client) >= self._most_of_client() and not self._make_room(of_client):
            self._say(client, bound="max_connections_per_client")
            return False
        if len(self._client_of) >= self._most and not self._make_room(self._waiting):
            self._say(client or address, bound="max_connections")
            return False
        self._client_of[connection] = client
        if client:
            self._of_client.setdefault(client, {})[connection] = None
        self._waiting[connection] = None
        return True

    def refuse(self, connection: Connection) -> bool:
        """Take note of a connection that is told that it is refused; returns False where too many are."""
        if len(self._refused) >= MOST_REFUSED:
            return False
        self._refused.add(connection)
        return True

    def work(self, connection: Connection) -> None:
        """A request has come: the connection keeps its place."""
        self._waiting.pop(connection, None)

    def wait(self, connection: Connection) -> None:
        """The last request is answered."""
        if connection in self._client_of:
            self._waiting[connection] = None

    def drop(self, connection: Connection) -> None:
        """The connection is gone."""
        self._refused.discard(connection)
        self._waiting.pop(connection, None)
        client = self._client_of.pop(connection, "")
        if client:
            of_client = self._of_client[client]
            del of_client[connection]
            if not of_client:
                del self._of_client[client]

    def blame(self, address: str, *, status: int) -> None:
        """Take note of what was no request; said once in a while, with who sent the latest."""
        self._unreadable += 1
        now = time.monotonic()
        if now - self._blamed_at >= SAY_EVERY:
            event(
                logger,
                logging.WARNING,
                "requests.unreadable",
                client=client_at(address),
                status=status,
                count=self._unreadable,
            )
            self._blamed_at, self._unreadable = now, 0

    def _make_room(self, candidates: Iterable[Connection]) -> bool:
        for connection in candidates:
            if connection in self._waiting:
                self.drop(connection)
                connection.leave()
                return True
        return False

    def _say(self, client: str, *, bound: str) -> None:
        self._unsaid += 1
        now = time.monotonic()
        if now - self._said_at >= SAY_EVERY:
            event(
                logger,
                logging.WARNING,
                "connections.refused",
                client=client,
                bound=f"http.{bound}",
                open=len(self),
                refused=self._unsaid,
            )
            self._said_at, self._unsaid = now, 0


def make_room_for(connections: int) -> int:
    """Raise this process's limit of open files for so many connections, as far as it may.

    Returns: how many connections there is room for, at most those asked for.
    """
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES_A_CONNECTION * connections + MOST_REFUSED + FILES_BESIDE
    if soft != resource.RLIM_INFINITY and soft < needed:
        soft = needed if hard == resource.RLIM_INFINITY else min(needed, hard)
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    if soft == resource.RLIM_INFINITY:
        return connections
    return max(min(connections, (soft - MOST_REFUSED - FILES_BESIDE) // FILES_A_CONNECTION), 1)
