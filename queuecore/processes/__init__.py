"""How the processes of a worker start each other, talk, and die together: environment, frames, lifeline."""

from .environment import child_environment
from .frames import Channel, receive_frame, send_frame
from .lifeline import die_with_parent

__all__ = [
    "Channel",
    "child_environment",
    "die_with_parent",
    "receive_frame",
    "send_frame",
]
