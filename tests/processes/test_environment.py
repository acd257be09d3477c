"""What the processes of a worker are started with."""

import os
import site
from pathlib import Path

import pytest

from queuecore.processes import child_environment

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
