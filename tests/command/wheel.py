"""Builds the wheel and tries it where nothing else is installed: `python -m tests.command.wheel`.

For the oldest and the newest supported Python on this machine: an empty environment, the wheel and what it
requires, and the README's example against a real Redis.
"""

import shutil
import subprocess
import sys
import tarfile
import tempfile
import tomllib
import zipfile
from pathlib import Path
from typing import Any

from launch.private_redis import PrivateRedis
from tests.command.readme import ROOT, run_example, write_example

PROJECT: dict[str, Any] = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
# What runs and tools leave in a directory, and no checkout has.
LEFT_BEHIND = (".*", "*.egg-info", "__pycache__", "build", "dist", "data")
# What is published besides the library, in the archive of the sources.
ABOUT_IT = {"LICENSE", "MANIFEST.in", "PKG-INFO", "README.md", "pyproject.toml", "setup.cfg"}


def main() -> None:
    """Build, look, try; raises where something is not as it should be."""
    with tempfile.TemporaryDirectory(prefix="wheel-") as name:
        directory = Path(name)
        sources, wheel = _build(directory)
        _check_sources(sources)
        _check_wheel(wheel)
        pythons = _find_pythons()
        assert pythons, f"none of the supported Pythons is here: {', '.join(_supported())}"
        # A set: there may be one only.
        for version in sorted({min(pythons), max(pythons)}):
            _try(wheel, directory / "{}.{}".format(*version), pythons[version])
            print("the wheel works on Python {}.{}".format(*version), flush=True)


def _build(directory: Path) -> tuple[Path, Path]:
    # A copy: what an earlier build left in the tree would get into this one.
    shutil.copytree(ROOT, directory / "copy", ignore=shutil.ignore_patterns(*LEFT_BEHIND))
    # The sources first, then the wheel from those: a file that they lack is missed in the wheel.
    _run(sys.executable, "-m", "build", "--no-isolation", "--outdir", str(directory), str(directory / "copy"))
    (sources,) = directory.glob("*.tar.gz")
    (wheel,) = directory.glob("*.whl")
    return sources, wheel


def _check_sources(archive: Path) -> None:
    with tarfile.open(archive) as files:
        names = {name.partition("/")[2] for name in files.getnames()} - {""}
    strays = {
        name for name in names if name.split("/")[0] not in {*ABOUT_IT, "queuecore", "queuecore.egg-info"}
    }
    assert not strays, f"more than the library is in the archive of the sources: {sorted(strays)}"


def _check_wheel(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as files:
        names = {name for name in files.namelist() if ".dist-info/" not in name}
    library = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "queuecore").rglob("*")
        if path.suffix in (".py", ".lua") or path.name == "py.typed"
    }
    assert not names - library, f"more than the library is in the wheel: {sorted(names - library)}"
    assert not library - names, f"missing in the wheel: {sorted(library - names)}"
    assert "queuecore/py.typed" in names, "the wheel does not say that it is typed"


def _find_pythons() -> dict[tuple[int, ...], str]:
    """The supported Pythons that run here, by version."""
    found = {}
    for version in _supported():
        installed = Path.home().glob(f".pyenv/versions/{version}.*/bin/python")
        for candidate in (f"python{version}", *map(str, installed), sys.executable):
            if _version_of(candidate) == version:
                found[tuple(map(int, version.split(".")))] = candidate
                break
    return found


def _supported() -> list[str]:
    """The versions that are said to be supported."""
    words = [classifier.rpartition(" :: ") for classifier in PROJECT["classifiers"]]
    return [version for topic, _, version in words if topic == "Programming Language :: Python"]


def _version_of(python: str) -> str:
    ask = "import sys; print('{}.{}'.format(*sys.version_info))"
    try:
        return subprocess.run([python, "-c", ask], capture_output=True, text=True, check=True).stdout.strip()
    except (OSError, subprocess.CalledProcessError):
        return ""


def _try(wheel: Path, directory: Path, python: str) -> None:
    environment = directory / "environment"
    own_python, command = str(environment / "bin" / "python"), str(environment / "bin" / "queuecore")
    _run(python, "-m", "venv", "--without-pip", str(environment))
    _run(sys.executable, "-m", "pip", "--python", own_python, "install", "-qq", "--no-input", str(wheel))
    assert _run(command, "--version") == f"queuecore {PROJECT['version']}\n"
    with PrivateRedis(directory / "redis") as redis:
        write_example(directory, redis.url)
        printed = run_example(directory, redis.url, command=[command], python=own_python)
    assert printed == "15\n", printed


def _run(*command: str) -> str:
    """Return what a command prints."""
    ended = subprocess.run(command, capture_output=True, text=True, check=False)
    assert ended.returncode == 0, f"{' '.join(command)}\n{ended.stdout}{ended.stderr}"
    return ended.stdout


if __name__ == "__main__":
    main()
