"""Secrets: tokens of the API, of which only a hash is kept, and the key that signs cookies."""

import hashlib
import os
import secrets
from pathlib import Path

from config.settings import Role, Settings, Token

SESSION_SECRET_FILE = "session-secret"


def make_token(name: str, owner: str, *, role: Role = "user") -> tuple[str, Token]:
    """Make a new token of 256 random bits.

    Returns: the token itself, which is stored nowhere, and what is configured of it.
    """
    token = "qct_" + secrets.token_urlsafe(32)
    return token, Token(name=name, owner=owner, sha256=hash_token(token), role=role)


def hash_token(token: str) -> str:
    """Hash a token as it stands in the configuration.

    A plain SHA-256 is enough: the token has 256 random bits, so there is nothing to guess from its hash.
    """
    return hashlib.sha256(token.encode()).hexdigest()


def session_secret(settings: Settings) -> bytes:
    """Get the key that signs the cookies; make it, once, where none is configured.

    The file appears with its whole content and mode 600 in one step, so that two processes that start at
    one time agree on one key.
    """
    if settings.http.session_secret:
        return settings.http.session_secret.encode()
    path = settings.data_dir / SESSION_SECRET_FILE
    if not path.exists():
        _make_secret_file(path)
    return path.read_bytes().strip()


def _make_secret_file(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    temporary = path.with_name(f"{path.name}.{secrets.token_hex(8)}")
    descriptor = os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(secrets.token_hex(32).encode() + b"\n")
            file.flush()
            os.fsync(file.fileno())
        # A link fails where another process was first, and a rename would replace its key.
        os.link(temporary, path)
    except FileExistsError:
        pass
    finally:
        temporary.unlink(missing_ok=True)
