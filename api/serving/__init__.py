"""The server around the application: who may speak to it, how it starts, reloads and ends."""

from api.serving import guard
from api.serving.guard import Guard
from api.serving.server import ApiServer

__all__ = ["ApiServer", "Guard", "guard"]
