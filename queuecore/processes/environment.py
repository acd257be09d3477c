"""The environment of the processes that a worker starts, and what of it is put back after a job."""

from __future__ import annotations

import os
import site
from collections.abc import Collection
from pathlib import Path

# Bound before a handler can put something else in their place.
_chdir = os.chdir
_getcwd = os.getcwd
_umask = os.umask


def child_environment(*, without: Collection[str] = ()) -> dict[str, str]:
    """Return this process's environment for a child that is to find this package.

    Args:
        without: variables that the child is not to see.
    """
    variables = {name: value for name, value in os.environ.items() if name not in without}
    package_parent = str(Path(__file__).resolve().parents[2])
    # What is installed is found without help, and is of no use to another Python that a handler may start.
    if package_parent in map(os.path.realpath, [*site.getsitepackages(), site.getusersitepackages()]):
        return variables
    inherited = variables.get("PYTHONPATH")
    variables["PYTHONPATH"] = package_parent + (os.pathsep + inherited if inherited else "")
    return variables


class Surroundings:
    """The directory, the environment and the umask of this process as they were, to be put back."""

    def __init__(self) -> None:
        self._directory = _here()
        self._environment = dict(os.environb)
        self._mask = _umask(0o077)
        _umask(self._mask)

    def put_back(self) -> tuple[str, ...]:
        """Undo what has been changed since; return the names of what had been.

        Raises:
            OSError: the directory is no more.
        """
        changed = []
        # What lies beneath, since a comparison that decodes all variables takes fifty times as long.
        if os.environ._data != self._environment:  # type: ignore[attr-defined]
            os.environb.clear()
            os.environb.update(self._environment)
            changed.append("environment")
        if _umask(self._mask) != self._mask:
            changed.append("umask")
        if _here() != self._directory:
            _chdir(self._directory)
            changed.append("directory")
        return tuple(changed)


def _here() -> str:
    try:
        return _getcwd()
    except OSError:
        return ""  # it was removed
