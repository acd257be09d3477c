"""Routes of the session: who the browser is, signing in and out."""

from api.sessions import session
from api.sessions.session import SessionView, SignIn

__all__ = ["SessionView", "SignIn", "session"]
