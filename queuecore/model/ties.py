"""Ties: what the start and the end of a job depend on besides its line.

A job without any is plain: it takes the fast way through every script. One with ties has a mark behind its
state, and the scripts read them.
"""

from __future__ import annotations

import msgspec

from .limits import BoundLimit
from .unique import BoundUnique


class Ties(msgspec.Struct, frozen=True, omit_defaults=True):
    """What a tied job is stored with, as JSON.

    Attributes:
        limits: those that it starts under, in the order they were given.
        unique: the name that it holds, or waits for.
    """

    limits: tuple[BoundLimit, ...] = ()
    unique: BoundUnique | None = None


class WaitsFor(msgspec.Struct, frozen=True):
    """Why a job waits: `reason` is the kind of obstacle, `name` which one."""

    reason: str
    name: str
