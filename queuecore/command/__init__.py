"""The command `queuecore`, one file for each of its words. What it does, the rooms below do.

Users of the library run it without the service's configuration: everything is an option or a variable.
"""

from .main import main

__all__ = ["main"]
