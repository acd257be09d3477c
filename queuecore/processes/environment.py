"""The environment of the processes that a worker starts."""

from __future__ import annotations

import os
import site
from collections.abc import Collection
from pathlib import Path


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
