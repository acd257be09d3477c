"""The API as a process: uvicorn with our limits, our signals and our end."""

import asyncio
import contextlib
import functools
import logging
import signal
from collections.abc import Callable, Iterator
from socket import socket
from typing import cast

import uvicorn
from starlette.applications import Starlette

import config
from api.http import Connections, GuardedProtocol, make_room_for
from api.service import Service
from queuecore import log
from queuecore.log import event

logger = logging.getLogger(__name__)

KEEP_ALIVE = 20  # seconds that an idle connection is kept
GRACE = 20  # seconds that running uploads and downloads get to end


class ApiServer(uvicorn.Server):
    """uvicorn that lets long polls answer at once when it is told to end, and ends with exit code 0.

    Args:
        app: the application.
        reload: reads the settings again, given those that hold; called at SIGHUP.
    """

    def __init__(
        self,
        app: Starlette,
        *,
        host: str,
        port: int,
        reload: Callable[[config.Settings], config.Reloaded] | None = None,
    ) -> None:
        service: Service = app.state.service
        make_connection = functools.partial(
            GuardedProtocol,
            connections=_bound_connections(service),
            least_rate=lambda: service.settings.http.min_body_rate,
        )
        super().__init__(
            uvicorn.Config(
                app,
                host=host,
                port=port,
                http=cast("type[asyncio.Protocol]", make_connection),
                ws="none",
                lifespan="on",
                log_config=None,
                access_log=False,
                server_header=False,
                forwarded_allow_ips=list(service.settings.http.trusted_proxies),
                timeout_keep_alive=KEEP_ALIVE,
                timeout_graceful_shutdown=GRACE,
            )
        )
        self._service = service
        self._reload = reload

    async def shutdown(self, sockets: list[socket] | None = None) -> None:
        self._service.close()
        await super().shutdown(sockets)

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        # uvicorn raises the signal again after a graceful end, which then looks like a failure.
        loop = asyncio.get_running_loop()
        handled = {
            signal.SIGTERM: self._end,
            signal.SIGINT: self._end,
            signal.SIGHUP: self._take_new_settings,
        }
        for number, handler in handled.items():
            loop.add_signal_handler(number, handler)
        try:
            yield
        finally:
            for number in handled:
                loop.remove_signal_handler(number)

    def _end(self) -> None:
        self.force_exit = self.should_exit
        self.should_exit = True

    def _take_new_settings(self) -> None:
        if self._reload is None:
            return
        try:
            reloaded = self._reload(self._service.settings)
        except config.ConfigError as error:
            event(logger, logging.ERROR, "settings.refused", reason=str(error))
            return
        self._service.use(reloaded.settings)
        log.configure(level=reloaded.settings.log.level.upper(), format=reloaded.settings.log.format)
        event(
            logger,
            logging.INFO,
            "settings.reloaded",
            changed=", ".join(reloaded.live) or "nothing",
            needs_restart=", ".join(reloaded.restart) or "nothing",
        )


def _bound_connections(service: Service) -> Connections:
    """Say how many connections there may be, which fewer open files than needed make fewer."""
    http = service.settings.http
    most = make_room_for(http.max_connections)
    level = logging.INFO if most == http.max_connections else logging.WARNING
    event(
        logger,
        level,
        "connections.bounded",
        most=most,
        most_of_client=http.max_connections_per_client,
        because=None if level == logging.INFO else "the limit of open files (ulimit -n) allows no more",
    )
    return Connections(
        most=most,
        most_of_client=lambda: service.settings.http.max_connections_per_client,
        proxies=http.trusted_proxies,
    )
