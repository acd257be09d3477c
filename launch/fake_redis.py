"""The last resort where no Redis server can be found: fakeredis behind a TCP port of the loopback interface.

It speaks enough of the protocol to show the service. Nothing outlives it, it is slow, and everybody on the
machine can reach it.
"""

import contextlib
import socket
import subprocess
import sys
import time
from typing import Any

from launch.private_redis import PrivateRedisError
from launch.process import start_child, stop_child

HOST = "127.0.0.1"
# Scripts must come without the first line that servers from 7.0 take: fakeredis refuses it.
INFO = (
    b"redis_version:6.2.0\r\naof_enabled:0\r\nrdb_last_save_time:0\r\n"
    b"maxmemory_policy:noeviction\r\nmaxmemory:0\r\nused_memory:0\r\n"
)


class FakeRedis:
    """A fakeredis server in its own process, with what the launcher uses of `PrivateRedis`."""

    def __init__(self) -> None:
        self._port = _free_port()
        self._process: subprocess.Popen[bytes] | None = None

    @property
    def description(self) -> str:
        """What a person is told about it."""
        return "simulated by fakeredis: nothing outlives this run"

    @property
    def url(self) -> str:
        """The address for `REDIS_URL`."""
        return f"redis://{HOST}:{self._port}/0"

    def spawn(self) -> subprocess.Popen[bytes]:
        """Start the server, without waiting for it."""
        self._process = start_child([sys.executable, "-m", "launch.fake_redis", str(self._port)])
        return self._process

    def wait_until_ready(self, *, timeout: float = 20.0) -> None:
        """Wait until the server answers.

        Raises:
            PrivateRedisError: it ended, or does not answer within `timeout` seconds.
        """
        deadline = time.monotonic() + timeout
        while not self.answers():
            if self._process is None or self._process.poll() is not None or time.monotonic() > deadline:
                raise PrivateRedisError("the fakeredis server did not start: install redis-server")
            time.sleep(0.02)  # there is nothing to wait on before the port is open

    def answers(self) -> bool:
        """Ask the server whether it is ready to serve."""
        with contextlib.suppress(OSError), socket.create_connection((HOST, self._port), 5.0) as connection:
            connection.sendall(b"*1\r\n$4\r\nPING\r\n")
            return connection.recv(64).startswith(b"+PONG")
        return False

    def stop(self, *, timeout: float = 1.0) -> None:
        """End the server. There is nothing to save."""
        if self._process is not None:
            stop_child(self._process, timeout=timeout)
            self._process = None


def serve(port: int) -> None:
    """Serve until killed; this is what the process of `FakeRedis` does."""
    from fakeredis import TcpFakeServer  # only this process needs it

    _teach_info()
    _keep_connections_after_errors()
    server = TcpFakeServer((HOST, port), server_version=(6, 2))
    server.daemon_threads = True
    server.serve_forever()


def _teach_info() -> None:
    """Add INFO, which fakeredis lacks: it tells clients the version and whether anything is kept."""
    from fakeredis._commands import command
    from fakeredis._socket import BaseFakeSocket

    socket_type: Any = BaseFakeSocket

    @command((), (bytes,), name="info")
    def info(socket: object, *sections: bytes) -> bytes:
        return INFO

    socket_type.info = info


def _keep_connections_after_errors() -> None:
    """Answer with an error and go on: fakeredis' server closes the connection, as no Redis does."""
    from fakeredis._clients._sync import FakeRedisConnection
    from redis.exceptions import ResponseError

    connection_type: Any = FakeRedisConnection
    read_response = connection_type.read_response

    def read_response_or_error(connection: Any, *args: Any, **kwargs: Any) -> Any:
        try:
            return read_response(connection, *args, **kwargs)
        except ResponseError as error:
            return error

    connection_type.read_response = read_response_or_error


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        port: int = probe.getsockname()[1]
        return port


if __name__ == "__main__":
    serve(int(sys.argv[1]))
