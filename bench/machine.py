"""Where and with what a run was made."""

import importlib.metadata
import os
import platform
import re
import shutil
import subprocess
import time
from collections.abc import Iterable
from pathlib import Path

from bench import environments
from bench.systems import System


def describe(systems: Iterable[System]) -> dict[str, str]:
    """Machine, commit and versions, each with the words it is printed with."""
    described = {
        "processor": f"{_processor()}, {os.cpu_count()} cores",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.release()}",
        "date": time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime()),
        "commit": _commit(),
        "load before": f"{os.getloadavg()[0]:.2f}",
        "Python": platform.python_version(),
    }
    described |= {name: importlib.metadata.version(name) for name in ("uvloop", "hiredis", "msgspec")}
    if shutil.which("node"):
        described["Node"] = _output("node", "--version").removeprefix("v")
    titles = {system.name: system.title for system in systems}
    described |= {titles[name]: version for name, version in environments.versions(systems).items()}
    return described


def _processor() -> str:
    match = re.search(r"^model name\s*: (.+)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    return match[1] if match else platform.machine()


def _commit() -> str:
    changed = _output(
        "git", "status", "--porcelain", "--untracked-files=no", "--", "queuecore", "api", "storage"
    )
    return _output("git", "rev-parse", "--short=12", "HEAD") + (" with changes" if changed else "")


def _output(*command: str) -> str:
    try:
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return "unknown"
