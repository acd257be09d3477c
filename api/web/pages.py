"""The page and its files, read once at the start and sent from memory."""

import gzip
import hashlib
from pathlib import Path

import msgspec
from starlette.requests import Request
from starlette.responses import Response

from api.http import NOT_FOUND, Problem

WEB = Path(__file__).parent

# Nothing from elsewhere, nothing inline, no frame around it.
PAGE_POLICY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
    "manifest-src 'self'; form-action 'self'; base-uri 'none'; frame-ancestors 'none'; "
    "require-trusted-types-for 'script'"
)

_MEDIA_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".mjs": "text/javascript; charset=utf-8",
    ".json": "application/json",
    ".svg": "image/svg+xml",
    ".png": "image/png",
    ".ico": "image/vnd.microsoft.icon",
    ".woff2": "font/woff2",
    ".txt": "text/plain; charset=utf-8",
    ".webmanifest": "application/manifest+json",
}


class Asset(msgspec.Struct, frozen=True):
    """A file of the page, in one of the forms it can be sent in."""

    content: bytes
    headers: dict[str, str]


class Web:
    """The page's files.

    Args:
        directory: has `index.html` and `static/` in it.
    """

    def __init__(self, directory: Path = WEB) -> None:
        self._plain = {
            path.relative_to(directory).as_posix(): _read(path)
            for path in sorted(directory.rglob("*"))
            if path.is_file() and path.suffix in _MEDIA_TYPES
        }
        self._compressed = {name: _compress(asset) for name, asset in self._plain.items()}

    def send(self, request: Request, name: str) -> Response:
        """Answer with a file, or with 304 where the browser has it.

        Raises:
            Problem: there is no such file.
        """
        takes_gzip = "gzip" in request.headers.get("accept-encoding", "")
        asset = (self._compressed if takes_gzip else self._plain).get(name)
        if asset is None:
            raise Problem(NOT_FOUND)
        if asset.headers["ETag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=asset.headers)
        return Response(asset.content, headers=asset.headers)


async def show_page(request: Request) -> Response:
    """GET /"""
    web: Web = request.app.state.web
    return web.send(request, "index.html")


async def send_static(request: Request) -> Response:
    """GET /static/{path}"""
    web: Web = request.app.state.web
    return web.send(request, f"static/{request.path_params['path']}")


def _read(path: Path) -> Asset:
    content = path.read_bytes()
    headers = {
        "Content-Type": _MEDIA_TYPES[path.suffix],
        "ETag": f'"{hashlib.sha256(content).hexdigest()[:20]}"',
        # Asked for again each time and answered with 304: the names do not change with the content.
        "Cache-Control": "no-cache",
        "Vary": "Accept-Encoding",
    }
    if path.suffix in (".html", ".svg"):
        headers["Content-Security-Policy"] = PAGE_POLICY
    return Asset(content, headers)


def _compress(asset: Asset) -> Asset:
    tag = asset.headers["ETag"].rstrip('"') + '-gzip"'
    return Asset(
        gzip.compress(asset.content, mtime=0), asset.headers | {"Content-Encoding": "gzip", "ETag": tag}
    )
