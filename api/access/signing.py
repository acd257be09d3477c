"""Text that only this service can have written: cookies and cursors."""

import base64
import hashlib
import hmac

_MAC_BYTES = 16


class Signer:
    """Signs short texts with the installation's secret.

    Args:
        secret: the key.
        purpose: what the texts are for; text signed for one purpose is worth nothing for another.
    """

    def __init__(self, secret: bytes, purpose: str) -> None:
        self._key = hashlib.blake2b(purpose.encode(), key=hashlib.sha256(secret).digest()).digest()

    def sign(self, payload: bytes, *, bound_to: str = "") -> str:
        """Write a payload as URL-safe text with its signature.

        Args:
            bound_to: what else must be the same when it is read again.
        """
        return _encode(payload + self._mac(payload, bound_to))

    def read(self, text: str, *, bound_to: str = "") -> bytes | None:
        """Return the payload of a signed text, None where this service did not write it."""
        if not text:
            return None
        try:
            signed = base64.urlsafe_b64decode(text.encode("ascii") + b"=" * (-len(text) % 4))
        except ValueError:
            return None
        payload, mac = signed[:-_MAC_BYTES], signed[-_MAC_BYTES:]
        # Several texts decode to the same bytes; only the one that was given out is taken.
        if _encode(signed) != text or not hmac.compare_digest(mac, self._mac(payload, bound_to)):
            return None
        return payload

    def mark(self, text: str) -> str:
        """Return a short mark that only this service can make of `text`."""
        return _encode(self._mac(text.encode(), "")[:9])

    def _mac(self, payload: bytes, bound_to: str) -> bytes:
        message = len(payload).to_bytes(4) + payload + bound_to.encode()
        return hashlib.blake2b(message, key=self._key, digest_size=_MAC_BYTES).digest()


def _encode(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode("ascii")
