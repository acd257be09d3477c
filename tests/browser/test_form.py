"""The form is what the handlers' signatures say."""

import pytest
from playwright.sync_api import Page, expect

pytestmark = pytest.mark.browser


def test_every_sort_of_option_has_its_control_and_arrives_as_it_was_given(page: Page) -> None:
    page.locator("input[value='test.options']").check()

    page.get_by_label("Amount").fill("7")
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("Colour").select_option("red")
    page.get_by_label("Note").fill("a note")
    page.get_by_label("Share").fill("0.25")
    page.get_by_label("Loud").check()
    page.get_by_label("Words").fill("one\ntwo")
    page.get_by_role("button", name="Start").click()

    card = page.locator("#jobs > li").first
    expect(card.locator(".state")).to_have_text("Completed")
    card.get_by_role("button", name="Details").click()
    expect(card).to_contain_text("7 red a note 0.25 True one+two")


def test_what_is_wrong_is_said_beside_the_option(page: Page) -> None:
    page.locator("input[value='test.options']").check()
    amount = page.get_by_label("Amount")

    page.get_by_role("button", name="Start").click()
    expect(amount).to_be_focused()
    expect(amount).to_have_attribute("aria-invalid", "true")
    amount.fill("99")
    page.get_by_role("button", name="Start").click()
    expect(amount).to_have_accessible_description("Value must be less than or equal to 10.")
    amount.fill("3")
    page.get_by_text("Options", exact=True).click()
    page.get_by_label("Share").fill("0")
    page.get_by_role("button", name="Start").click()

    expect(page.get_by_label("Share")).to_have_accessible_description("Value must be more than 0.")
    expect(page.locator("#jobs > li")).to_have_count(0)
