"""The address that the page is served at: free or taken, and how a person writes it."""

import http.client
import socket


class AddressTaken(Exception):
    """Nothing can listen on the address; the text says why and what to do."""


def take_port(host: str, port: int) -> int:
    """Make sure that a server can listen on `host` and `port`, and choose a free port for port 0.

    Raises:
        AddressTaken: somebody listens there, or the address is not one of this machine.
    """
    try:
        family, kind, protocol, _, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        with socket.socket(family, kind, protocol) as probe:
            probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            probe.bind(address)
            probe.listen(1)
            taken: int = probe.getsockname()[1]
            return taken
    except OSError as error:
        raise AddressTaken(
            f"cannot listen on {host} port {port}: {error.strerror}.\n"
            "Stop what runs there, or choose another: make run PORT=8001 (0 takes a free one)."
        ) from error


def serves(host: str, port: int) -> bool:
    """Ask whether the API answers."""
    connection = http.client.HTTPConnection(_reachable(host), port, timeout=2.0)
    try:
        connection.request("GET", "/health/live")
        return connection.getresponse().status == 200
    except (OSError, http.client.HTTPException):
        return False
    finally:
        connection.close()


def write_url(host: str, port: int) -> str:
    """Write the address of the page for a browser on this machine."""
    name = _reachable(host)
    return f"http://[{name}]:{port}/" if ":" in name else f"http://{name}:{port}/"


def _reachable(host: str) -> str:
    return {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
