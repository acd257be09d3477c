"""What the processes of a worker are started with, and what of it is put back after a job."""

import os
import site
import subprocess
from pathlib import Path

import pytest

from queuecore.processes import Surroundings, child_environment

ROOT = Path(__file__).resolve().parents[2]


def test_a_child_finds_the_package_that_started_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")

    assert child_environment()["PYTHONPATH"] == f"{ROOT}{os.pathsep}/elsewhere"


def test_a_package_that_is_installed_is_found_without_help(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(site, "getsitepackages", lambda: ["/other", str(ROOT)])
    monkeypatch.delenv("PYTHONPATH", raising=False)

    assert "PYTHONPATH" not in child_environment()


def test_variables_can_be_kept_from_a_child(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("REDIS_URL", "redis://:secret@cache")

    assert "REDIS_URL" not in child_environment(without={"REDIS_URL"})


def test_the_environment_is_put_back(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("KEPT", "before")
    monkeypatch.setenv("REMOVED", "x")
    monkeypatch.delenv("ADDED", raising=False)
    saved = Surroundings()

    os.environ["KEPT"] = "after"
    os.environ["ADDED"] = "x"
    del os.environ["REMOVED"]
    assert saved.put_back() == ("environment",)

    assert (os.environ["KEPT"], os.environ["REMOVED"], "ADDED" in os.environ) == ("before", "x", False)
    assert (
        subprocess.run(["sh", "-c", "echo $KEPT"], stdout=subprocess.PIPE, check=True).stdout == b"before\n"
    )


def test_the_directory_and_the_umask_are_put_back(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    mask = os.umask(0o022)
    try:
        saved = Surroundings()

        os.chdir("/")
        os.umask(0)

        assert saved.put_back() == ("umask", "directory")
        assert (Path.cwd(), os.umask(0o022)) == (tmp_path, 0o022)
        assert saved.put_back() == ()
    finally:
        os.umask(mask)


def test_a_directory_that_is_no_more_is_left_and_one_that_cannot_be_found_again_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    home, elsewhere = tmp_path / "home", tmp_path / "elsewhere"
    home.mkdir()
    elsewhere.mkdir()
    monkeypatch.chdir(home)
    saved = Surroundings()

    os.chdir(elsewhere)
    elsewhere.rmdir()
    assert saved.put_back() == ("directory",)
    assert Path.cwd() == home

    os.chdir(tmp_path)
    home.rmdir()
    with pytest.raises(FileNotFoundError):
        saved.put_back()
