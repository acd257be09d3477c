"""Who makes a request, and what only this service can have written."""

from api.access.auth import ANONYMOUS_SECONDS, SIGNED_IN_SECONDS, Authority, Caller, cookie_header
from api.access.pace import Pace
from api.access.signing import Signer

__all__ = ["ANONYMOUS_SECONDS", "SIGNED_IN_SECONDS", "Authority", "Caller", "Pace", "Signer", "cookie_header"]
