"""How the processes of a worker start each other, talk, and die together, whatever runs in them."""

from .descriptors import DescriptorGauge, adopt_socket, close_inherited
from .environment import Surroundings, child_environment
from .families import descendants, end_family, end_group, end_session, has_children, lead_group
from .forks import Home, keep_private, release_private
from .frames import BrokenFrame, Channel, receive_frame, send_frame
from .lifeline import adopt_orphans, die_with_parent
from .memory import MemoryGauge, MemoryUse, release_memory
from .notes import Note, make_note, read_note
from .signals import ignore_signals

__all__ = [
    "BrokenFrame",
    "Channel",
    "DescriptorGauge",
    "Home",
    "MemoryGauge",
    "MemoryUse",
    "Note",
    "Surroundings",
    "adopt_orphans",
    "adopt_socket",
    "child_environment",
    "close_inherited",
    "descendants",
    "die_with_parent",
    "end_family",
    "end_group",
    "end_session",
    "has_children",
    "ignore_signals",
    "keep_private",
    "lead_group",
    "make_note",
    "read_note",
    "receive_frame",
    "release_memory",
    "release_private",
    "send_frame",
]
