"""Where Redis is: reads the usual addresses.

    redis://[[user]:password@]host[:port][/database]
    rediss://...                                        the same over TLS
    unix://[[user]:password@]/path/of/redis.sock

After a question mark: `db`, `username`, `password`, and for TLS `ssl_ca_certs`, `ssl_certfile`,
`ssl_keyfile` (paths), `ssl_cert_reqs` (`required` or `none`). The words are those of redis-py, which is
not asked for them because importing it takes a third of a second, in every process that a worker starts.
"""

from __future__ import annotations

from urllib.parse import parse_qsl, unquote, urlsplit

import msgspec

OPTIONS = ("db", "username", "password", "ssl_ca_certs", "ssl_certfile", "ssl_keyfile", "ssl_cert_reqs")


class Address(msgspec.Struct, frozen=True, kw_only=True):
    """The parts of an address; `path` is set for a unix socket, else `host` and `port` hold."""

    host: str = "localhost"
    port: int = 6379
    path: str = ""
    username: str = ""
    password: str = ""
    database: int = 0
    tls: bool = False
    ca_certs: str | None = None
    certificate: str | None = None
    key: str | None = None
    verify: bool = True

    def __str__(self) -> str:
        """Where it is, without user and password: for people and logs."""
        host = f"[{self.host}]" if ":" in self.host else self.host
        return self.path or f"{host}:{self.port}"


def parse_address(url: str) -> Address:
    """Read an address.

    Raises:
        ValueError: it is none; the password is not repeated in the message.
    """
    parts = urlsplit(url)
    if parts.scheme not in ("redis", "rediss", "unix"):
        raise ValueError("the address of Redis begins with redis://, rediss:// or unix://")
    options = dict(parse_qsl(parts.query, keep_blank_values=True))
    if unknown := sorted(options.keys() - set(OPTIONS)):
        raise ValueError(f"the address of Redis has unknown options {unknown}; known: {', '.join(OPTIONS)}")
    path = unquote(parts.path)
    database = options.get("db", "0" if parts.scheme == "unix" else path.strip("/") or "0")
    try:
        port = parts.port or 6379
        number = int(database)
    except ValueError:
        raise ValueError("port and database in the address of Redis are numbers") from None
    if parts.scheme == "unix" and not path:
        raise ValueError("the address of Redis names no socket: unix:///path/of/redis.sock")
    return Address(
        host=unquote(parts.hostname or "localhost"),
        port=port,
        path=path if parts.scheme == "unix" else "",
        username=options.get("username", unquote(parts.username or "")),
        password=options.get("password", unquote(parts.password or "")),
        database=number,
        tls=parts.scheme == "rediss",
        ca_certs=options.get("ssl_ca_certs"),
        certificate=options.get("ssl_certfile"),
        key=options.get("ssl_keyfile"),
        verify=options.get("ssl_cert_reqs", "required") != "none",
    )
