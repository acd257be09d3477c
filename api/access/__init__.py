"""Who makes a request, and what only this service can have written."""

from api.access.auth import ANONYMOUS_SECONDS, SIGNED_IN_SECONDS, Authority, Caller, cookie_header
from api.access.pace import Pace
from api.access.signed_out import SignedOut
from api.access.signing import Signer

__all__ = [
    "ANONYMOUS_SECONDS",
    "SIGNED_IN_SECONDS",
    "Authority",
    "Caller",
    "Pace",
    "SignedOut",
    "Signer",
    "cookie_header",
]
