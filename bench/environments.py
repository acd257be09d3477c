"""Gives each peer an environment of its own under `.bench/`, with the versions that `bench/peers` pins."""

import hashlib
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

from bench.systems import ENVIRONMENTS, NODE, PEERS, System


class EnvironmentFailed(Exception):
    """An environment could not be made; the text says why."""


def prepare(systems: Iterable[System]) -> None:
    """Make what is missing or no longer matches its pins. Raises EnvironmentFailed."""
    ENVIRONMENTS.mkdir(exist_ok=True)
    (ENVIRONMENTS / ".gitignore").write_text("*\n")
    for system in systems:
        if system.name == "bullmq":
            _make(PEERS / "package.json", NODE, _install_node)
        elif system.name != "queuecore":
            _make(PEERS / f"{system.name}.txt", ENVIRONMENTS / system.name, _install_python)


def versions(systems: Iterable[System]) -> dict[str, str]:
    """The version of each system that was measured, from its pins; for our own there is the commit."""
    found = {}
    for system in systems:
        if system.name == "bullmq":
            pins = (PEERS / "package.json").read_text()
            found[system.name] = pins.split('"bullmq": "')[1].split('"')[0]
        elif system.name != "queuecore":
            distribution = {"taskiq": "taskiq-redis", "docket": "pydocket"}.get(system.name, system.name)
            lines = (PEERS / f"{system.name}.txt").read_text().splitlines()
            found[system.name] = next(
                line.split("==")[1] for line in lines if line.startswith(f"{distribution}==")
            )
    return found


def _make(pins: Path, directory: Path, install: Callable[[Path, Path], None]) -> None:
    digest = hashlib.sha256(pins.read_bytes() + sys.version.encode()).hexdigest()
    stamp = directory / "pins.sha256"
    if stamp.exists() and stamp.read_text() == digest:
        return
    print(f"Installing {directory.name} ...", flush=True)
    shutil.rmtree(directory, ignore_errors=True)
    directory.mkdir()
    install(pins, directory)
    stamp.write_text(digest)


def _install_python(pins: Path, directory: Path) -> None:
    _run([sys.executable, "-m", "venv", str(directory)])
    pip = [str(directory / "bin" / "python"), "-m", "pip", "--quiet", "--disable-pip-version-check"]
    _run([*pip, "install", "--no-input", "-r", str(pins)])


def _install_node(pins: Path, directory: Path) -> None:
    if shutil.which("npm") is None:
        raise EnvironmentFailed(
            "BullMQ needs node and npm on the path: install them, or use --without bullmq"
        )
    shutil.copy(pins, directory / "package.json")
    _run(["npm", "install", "--silent", "--no-package-lock", "--no-audit", "--prefix", str(directory)])


def _run(command: list[str]) -> None:
    done = subprocess.run(command, capture_output=True, text=True, timeout=600)
    if done.returncode:
        raise EnvironmentFailed(f"{' '.join(command)}\n{done.stdout}{done.stderr}")
