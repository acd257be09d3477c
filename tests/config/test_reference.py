"""The pages that are generated from the settings are those in the repository, and they work."""

import tomllib
from pathlib import Path

import pytest

import config
from config.options import keys_of
from config.reference import PRODUCTION, write_page, write_template
from config.settings import Settings

ROOT = Path(__file__).resolve().parents[2]

pytestmark = pytest.mark.docs


def test_the_configuration_page_is_up_to_date() -> None:
    assert (ROOT / "docs/configuration.md").read_text("utf-8") == write_page(), "run: make docs"


def test_the_production_template_is_up_to_date() -> None:
    assert (ROOT / "config/production.toml").read_text("utf-8") == write_template(), "run: make docs"


def test_the_page_names_every_setting_and_variable() -> None:
    page = write_page()

    for key in keys_of(Settings).values():
        assert f"### `{key.name}`" in page
        assert f"`{key.variable}`" in page


def test_the_template_is_a_right_configuration() -> None:
    settings = config.load(ROOT / "config/production.toml", environ={})

    assert str(settings.data_dir) == PRODUCTION["data_dir"]


def test_the_values_behind_a_sign_in_the_template_are_the_defaults() -> None:
    lines = (ROOT / "config/production.toml").read_text("utf-8").splitlines()
    given = [line for line in lines if not line.startswith("#") and " = " in line]
    behind = [line[2:] for line in lines if line.startswith("# ") and " = " in line and "..." not in line]
    behind = [
        line for line in behind if line.split(" = ")[0] in {key.field for key in keys_of(Settings).values()}
    ]
    sections = [line for line in lines if line.startswith("[")]

    assert len(given) == len(PRODUCTION)
    assert len(sections) == 6
    for line in behind:
        field, value = next(iter(tomllib.loads(line).items()))
        names = [key.name for key in keys_of(Settings).values() if key.field == field]
        if names and names[0] != "worker.name":
            assert config.load(environ={}, overrides={names[0]: value}) == Settings()
