"""A connection to Redis that comes back: calls wait for it, scripts are loaded where they are missing.

Everything that goes through here is idempotent, so a call whose reply was lost is simply sent again.
"""

from __future__ import annotations

import asyncio
import logging
import random
import re
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from time import monotonic
from typing import Final

from ..model import BrokerRefused, BrokerUnavailable, QueueClosed, QueueFull
from .address import parse_address
from .connection import Argument, CommandRefused, Connection, ConnectionLost, Reply, connect
from .loops import OwnLoop
from .scripts import Script, scripts

logger = logging.getLogger(__name__)

# Errors that pass: the server starts, fails over, is busy or full. The second kind wants a new connection.
PASSING: Final = frozenset({"LOADING", "BUSY", "TRYAGAIN", "NOREPLICAS", "MISCONF", "CLUSTERDOWN"})
MOVED_ON: Final = frozenset({"READONLY", "MASTERDOWN", "UNBLOCKED", "MAXCLIENTS"})

OLDEST: Final = (6, 2)  # version of Redis

SHORTEST_PAUSE: Final = 0.02  # seconds before connecting again, doubled each time
LONGEST_PAUSE: Final = 1.0


class Client:
    """A shared connection with reconnection.

    Args:
        url: where Redis is.
        name: shown by CLIENT LIST.
        patience: seconds a call keeps trying before it raises BrokerUnavailable; None: for ever.
        timeout: seconds one call may stay unanswered.

    Raises:
        ValueError: the URL is none of Redis.
    """

    def __init__(self, url: str, *, name: str, patience: float | None, timeout: float = 5.0) -> None:
        parse_address(url)  # a mistake in it is found here, not by the first call
        self.url = url
        self.name = name
        self._patience = patience
        self._timeout = timeout
        self._connection: Connection | None = None
        self._connecting: asyncio.Task[Connection] | None = None
        self._pause = 0.0
        self._trouble = ""
        self._scripts: dict[str, Script] = {}
        self._away = False
        self._closed = False
        self._loop = OwnLoop()
        self.version = ""  # of the server, once connected

    async def close(self) -> None:
        """Drop the connection for good; calls under way and later ones raise BrokerUnavailable."""
        self._closed = True
        if self._loop.is_new():
            self._begin_anew()
        if self._connecting is not None:
            self._connecting.cancel()
            await asyncio.wait([self._connecting])
        if self._connection is not None:
            self._connection.close()

    async def connect(self) -> None:
        """Make the connection, in one try. Raises BrokerUnavailable or BrokerRefused."""
        if self._loop.is_new():
            self._begin_anew()
        try:
            await self._connect()
        except ConnectionLost as error:
            raise BrokerUnavailable(str(error)) from error
        except CommandRefused as error:
            raise BrokerRefused(error.code, str(error)) from error

    async def run(self, script: str, base: str, *arguments: Argument) -> Reply:
        """Call a script by name on the space whose keys begin with `base`.

        Raises:
            BrokerUnavailable: no answer within the client's patience; calling again is safe.
            QueueClosed: this was closed, nothing was sent.
            OtherLoop: this is in use in another event loop.
            QueueFull: Redis is at maxmemory and the script would need more.
            BrokerRefused: Redis will not do it, however often it is asked.
        """
        return await self._persist(self._evaluate, script, base, arguments)

    async def call(self, *command: Argument) -> Reply:
        """Call a plain command, one that may safely be repeated. Raises as `run`."""
        return await self._persist(self._command, command)

    async def call_together(self, *commands: tuple[Argument, ...]) -> list[Reply]:
        """Call several commands in one round trip; each may safely be repeated. Raises as `run`."""
        return list(await self._persist(self._commands, commands))

    async def _persist(self, attempt, *arguments) -> Reply:  # type: ignore[no-untyped-def]  # passes through to three private methods
        if self._closed:
            raise QueueClosed
        if self._loop.is_new():
            self._begin_anew()
        deadline = None if self._patience is None else monotonic() + self._patience
        while True:
            if self._closed:
                raise BrokerUnavailable("this client was closed")
            busy = False
            try:
                connection = self._connection
                if connection is None or connection.closed.done():
                    connection = await self._connected(deadline)
                reply = await attempt(connection, *arguments)
            except ConnectionLost as error:
                reason = str(error)
            except CommandRefused as error:
                full = error.code == "OOM"
                if full and self._patience is not None:
                    raise QueueFull from error
                if error.code in MOVED_ON and self._connection is not None:
                    self._connection.close(str(error))
                elif error.code not in PASSING and not full:
                    raise BrokerRefused(error.code, str(error)) from error
                busy = True
                reason = str(error)
            else:
                self._pause = 0.0
                return reply
            self._note_away(reason)
            if deadline is not None and monotonic() >= deadline:
                raise BrokerUnavailable(reason)
            if busy:
                await asyncio.sleep(self._next_pause())

    def _begin_anew(self) -> None:
        """Let go of what belongs to an event loop that has ended."""
        if self._connection is not None:
            self._connection.abandon()
        self._connection = self._connecting = None
        self._pause = 0.0

    async def _connected(self, deadline: float | None) -> Connection:
        """The connection, made by one task for all who wait: they go on together, in the order they came."""
        task = self._connecting
        if task is None or task.done():
            task = self._connecting = asyncio.create_task(self._connect())
            task.add_done_callback(_look_at)
        left = None if deadline is None else max(0.0, deadline - monotonic())
        await asyncio.wait([task], timeout=left)
        if not task.done():
            raise ConnectionLost(self._trouble or "no connection in time")
        if task.cancelled():
            raise ConnectionLost("this client was closed")
        return task.result()

    async def _connect(self) -> Connection:
        await asyncio.sleep(self._next_pause())
        try:
            connection = await connect(self.url, timeout=self._timeout, name=self.name)
            try:
                info = await connection.call("INFO", "server")
                await connection.call("PING")  # refused as long as the server reads its data
            except BaseException:
                connection.close()
                raise
        except (ConnectionLost, CommandRefused) as error:
            self._trouble = str(error)
            if isinstance(error, CommandRefused) and (error.code in PASSING | MOVED_ON or self.version):
                # What was taken before will be taken again, once the password is changed here, too.
                raise ConnectionLost(str(error)) from error
            raise
        match = re.search(rb"redis_version:(\d+)\.(\d+)([\d.]*)", bytes(info))
        version = (int(match[1]), int(match[2])) if match else (0, 0)
        if version < OLDEST:
            connection.close()
            raise CommandRefused(f"TOOOLD its version is {'.'.join(map(str, version))}")
        self.version = match[0].decode().partition(":")[2] if match else ""
        self._scripts = scripts(shebang=version >= (7, 0))
        self._connection = connection
        self._trouble = ""
        if self._away:
            self._away = False
            logger.info("redis.returned client=%s", self.name)
        return connection

    def _next_pause(self) -> float:
        """Seconds to wait before the next try: none at first, then longer until a call succeeds."""
        pause, self._pause = self._pause, min(max(self._pause * 2, SHORTEST_PAUSE), LONGEST_PAUSE)
        return pause * random.uniform(0.5, 1.0)

    def _note_away(self, reason: str) -> None:
        if not self._away:
            self._away = True
            logger.warning("redis.lost client=%s reason=%r", self.name, reason)

    async def _evaluate(
        self, connection: Connection, name: str, base: str, arguments: tuple[Argument, ...]
    ) -> Reply:
        script = self._scripts[name]
        try:
            return await connection.call("EVALSHA", script.sha, 1, base, *arguments)
        except CommandRefused as error:
            if error.code != "NOSCRIPT":
                raise
        await connection.call("SCRIPT", "LOAD", script.text)
        return await connection.call("EVALSHA", script.sha, 1, base, *arguments)

    async def _command(self, connection: Connection, command: tuple[Argument, ...]) -> Reply:
        return await connection.call(*command)

    async def _commands(
        self, connection: Connection, commands: tuple[tuple[Argument, ...], ...]
    ) -> list[Reply]:
        return await asyncio.gather(*(connection.call(*command) for command in commands))

    @asynccontextmanager
    async def subscribe(
        self, channel: str, *, heard: Callable[[bytes], None], missed: Callable[[], None]
    ) -> AsyncIterator[None]:
        """Hear the messages of a channel, on a connection of its own that comes back by itself.

        The block is entered once the subscription stands, and left when nothing is to be heard any more.

        Args:
            heard: called with each message as it comes in; must return at once and never raise.
            missed: called when the connection was lost and is there again: messages may be missing.

        Raises:
            BrokerUnavailable: the first subscription did not succeed within the client's patience.
        """
        ready: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        task = asyncio.create_task(self._keep_subscribed(channel, heard, missed, ready))
        try:
            await asyncio.wait([ready, task], timeout=self._patience, return_when=asyncio.FIRST_COMPLETED)
            if task.done():
                task.result()  # raises what ended it: an address that is none
            if not ready.done():
                raise BrokerUnavailable("could not subscribe")
            yield
        finally:
            task.cancel()
            await asyncio.wait([task])

    async def _keep_subscribed(
        self,
        channel: str,
        heard: Callable[[bytes], None],
        missed: Callable[[], None],
        ready: asyncio.Future[None],
    ) -> None:
        pause = SHORTEST_PAUSE
        while True:
            connection: Connection | None = None
            try:
                connection = await connect(
                    self.url, timeout=self._timeout, name=f"{self.name}.listen", on_message=heard
                )
                await connection.call("SUBSCRIBE", channel)
                pause = SHORTEST_PAUSE
                if ready.done():
                    missed()
                else:
                    ready.set_result(None)
                while not connection.closed.done():
                    done, _ = await asyncio.wait([connection.closed], timeout=15)
                    if not done:
                        await connection.call("PING")
            except (ConnectionLost, CommandRefused) as error:
                logger.debug("subscription.lost client=%s reason=%r", self.name, str(error))
            finally:
                if connection is not None:
                    connection.close()
            await asyncio.sleep(pause * random.uniform(0.5, 1.0))
            pause = min(pause * 2, LONGEST_PAUSE)


async def reach(url: str) -> str:
    """Ask Redis once for an answer, before something starts that would try for ever.

    Returns: why nobody can work with that Redis now; empty when one can.
    Raises:
        BrokerRefused: it answers, and will not let in whoever comes with this user, password or database.
        ValueError: the URL is none of Redis.
    """
    client = Client(url, name="", patience=0.0)
    try:
        # Not with the client's patience: a connection is given the time that it takes, but once.
        await client.connect()
    except BrokerUnavailable as error:
        return error.reason
    finally:
        await client.close()
    return ""


def _look_at(task: asyncio.Task[Connection]) -> None:
    """Those who waited may all have gone away: then nobody else looks at how it ended."""
    if not task.cancelled():
        task.exception()
