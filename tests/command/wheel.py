"""Builds the wheel and tries it where nothing else is installed: `python -m tests.command.wheel`.

For the oldest and the newest supported Python on this machine: an empty environment, the wheel and what it
requires, and the README's example against a real Redis.
"""

import subprocess
import sys
import tempfile
import zipfile
from pathlib import Path

from launch.private_redis import PrivateRedis
from tests.command.readme import ROOT, run_example, write_example

SUPPORTED = ("3.11", "3.12", "3.13", "3.14")


def main() -> None:
    """Build, look, try; raises where something is not as it should be."""
    with tempfile.TemporaryDirectory(prefix="wheel-") as name:
        directory = Path(name)
        wheel = _build(directory)
        _check_content(wheel)
        pythons = _find_pythons()
        for version in sorted({min(pythons, key=_number), max(pythons, key=_number)}, key=_number):
            _try(wheel, directory / version, pythons[version])
            print(f"the wheel works on Python {version}")


def _build(directory: Path) -> Path:
    subprocess.run(
        [sys.executable, "-m", "build", "--wheel", "--outdir", str(directory), str(ROOT)],
        check=True,
        stdout=subprocess.DEVNULL,
    )
    (wheel,) = directory.glob("*.whl")
    return wheel


def _check_content(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = archive.namelist()
    tops = {name.split("/")[0] for name in names if ".dist-info/" not in name}
    assert tops == {"queuecore"}, f"more than the library is in the wheel: {tops}"
    wanted = {
        path.relative_to(ROOT).as_posix()
        for path in (ROOT / "queuecore").rglob("*")
        if path.suffix in (".py", ".lua", ".typed")
    }
    assert wanted <= {*names}, f"missing in the wheel: {sorted(wanted - {*names})}"


def _find_pythons() -> dict[str, str]:
    """The supported Pythons that run here, by version."""
    found = {}
    for version in SUPPORTED:
        for candidate in (
            f"python{version}",
            *map(str, Path.home().glob(f".pyenv/versions/{version}.*/bin/python")),
        ):
            try:
                subprocess.run([candidate, "-c", "import venv, ensurepip"], check=True, capture_output=True)
            except (OSError, subprocess.CalledProcessError):
                continue
            found[version] = candidate
            break
    return found


def _try(wheel: Path, directory: Path, python: str) -> None:
    subprocess.run([python, "-m", "venv", str(directory / "venv")], check=True)
    binaries = directory / "venv" / "bin"
    install = [
        str(binaries / "python"),
        "-m",
        "pip",
        "install",
        "-qq",
        "--disable-pip-version-check",
        str(wheel),
    ]
    subprocess.run(install, check=True)
    with PrivateRedis(directory / "redis") as redis:
        write_example(directory, redis.url)
        printed = run_example(
            directory, redis.url, command=[str(binaries / "queuecore")], python=str(binaries / "python")
        )
    assert printed == "15\n", printed


def _number(version: str) -> tuple[int, ...]:
    return tuple(map(int, version.split(".")))


if __name__ == "__main__":
    main()
