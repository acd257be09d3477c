"""The environment of the processes that a worker starts."""

from __future__ import annotations

import os
from collections.abc import Collection
from pathlib import Path


def child_environment(*, without: Collection[str] = ()) -> dict[str, str]:
    """Return this process's environment for a child that is to find this package.

    Args:
        without: variables that the child is not to see.
    """
    variables = {name: value for name, value in os.environ.items() if name not in without}
    package_parent = str(Path(__file__).resolve().parents[2])
    inherited = variables.get("PYTHONPATH")
    variables["PYTHONPATH"] = package_parent + (os.pathsep + inherited if inherited else "")
    return variables


class SavedEnvironment:
    """The environment of this process as it was, to be put back."""

    def __init__(self) -> None:
        self._saved = dict(os.environb)

    def put_back(self) -> None:
        """Undo what has been set and removed since."""
        # What lies beneath, since a comparison that decodes all variables takes fifty times as long.
        if os.environ._data != self._saved:  # type: ignore[attr-defined]
            os.environb.clear()
            os.environb.update(self._saved)
