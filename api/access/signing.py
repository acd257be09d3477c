"""Text that only this service can have written: cookies, cursors and marks."""

import base64
import hashlib

from itsdangerous import BadData, TimestampSigner
from itsdangerous.encoding import base64_decode, base64_encode

MOST_CHARACTERS = 4_096  # of a text that is looked at: what we write is far shorter


class Signer:
    """Signs short texts with the installation's secret.

    Args:
        secret: the key.
        purpose: what the texts are for; text signed for one purpose is worth nothing for another.
        seconds: for how long they are taken after they were signed; None for ever.
    """

    def __init__(self, secret: bytes, purpose: str, *, seconds: int | None = None) -> None:
        self._secret = secret
        self._purpose = purpose
        self._seconds = seconds

    def sign(self, payload: bytes, *, bound_to: str = "") -> str:
        """Write a payload as URL-safe text with the time and a signature.

        Args:
            bound_to: what else must be the same when it is read again.
        """
        return self._signer(bound_to).sign(base64.urlsafe_b64encode(payload).rstrip(b"=")).decode("ascii")

    def read(self, text: str, *, bound_to: str = "") -> bytes | None:
        """Return the payload of a signed text, None where this service did not write it, or too long ago."""
        if not text.isascii() or len(text) > MOST_CHARACTERS:
            return None
        try:
            signed = self._signer(bound_to).unsign(text, max_age=self._seconds)
            # Several texts decode to the same signature; only the one that was given out is taken.
            signature = text.rpartition(".")[2].encode()
            if base64_encode(base64_decode(signature)) != signature:
                return None
        except BadData:
            return None
        return base64.urlsafe_b64decode(signed + b"=" * (-len(signed) % 4))

    def mark(self, text: str, *, length: int = 12) -> str:
        """Return a short mark, of at most 43 characters, that only this service can make of `text`."""
        return self._signer("").get_signature(text.encode()).decode("ascii")[:length]

    def _signer(self, bound_to: str) -> TimestampSigner:
        salt = f"queuecore {self._purpose}\n{bound_to}".encode()
        return TimestampSigner(self._secret, salt=salt, key_derivation="hmac", digest_method=hashlib.sha256)
