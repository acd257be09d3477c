"""The page where tokens are needed."""

from collections.abc import Callable
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from config.credentials import make_token
from tests.service.service import Service

pytestmark = pytest.mark.browser


def test_a_person_signs_in_with_a_token_and_out_again(
    open_page: Callable[..., Page], tmp_path: Path, keep_picture: Callable[[Page, str], None]
) -> None:
    token, known = make_token("laptop", "ada")
    settings_file = tmp_path / "settings.toml"
    settings_file.write_text(
        "[auth]\nrequired = true\n"
        f'[[auth.tokens]]\nname = "{known.name}"\nowner = "{known.owner}"\nsha256 = "{known.sha256}"\n'
    )
    with Service(tmp_path, settings={"CONFIG": str(settings_file)}, workers=0) as service:
        page = open_page(base_url=str(service.client.base_url))
        field = page.get_by_label("Token")
        expect(field).to_be_focused()

        field.fill("not a token")
        page.keyboard.press("Enter")
        expect(page.locator("#token-error")).to_be_visible()
        expect(field).to_be_focused()
        keep_picture(page, "sign-in")
        field.fill(token)
        page.keyboard.press("Enter")
        expect(page.get_by_text("No jobs yet")).to_be_visible()
        expect(page.locator("#account-name")).to_have_text("ada")
        page.reload()
        expect(page.get_by_text("No jobs yet")).to_be_visible()

        page.get_by_role("button", name="Sign out").click()
        expect(field).to_be_focused()
        page.reload()
        expect(field).to_be_visible()
