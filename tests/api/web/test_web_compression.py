"""The page's files go compressed to who takes that."""

import pytest

from tests.api.site import Site


@pytest.mark.parametrize("path", ["/", "/static/main.js", "/static/page.css"])
async def test_a_file_of_the_page_is_sent_compressed_to_who_takes_that(site: Site, path: str) -> None:
    plain = await site.client.get(path, headers={"Accept-Encoding": "identity"})
    compressed = await site.client.get(path, headers={"Accept-Encoding": "gzip"})

    assert compressed.content == plain.content
    assert (compressed.headers["Content-Encoding"], "Content-Encoding" in plain.headers) == ("gzip", False)
    assert int(compressed.headers["Content-Length"]) < int(plain.headers["Content-Length"]) / 2
    assert plain.headers["Vary"] == compressed.headers["Vary"] == "Accept-Encoding"


async def test_each_form_of_a_file_has_a_tag_of_its_own(site: Site) -> None:
    plain = await site.client.get("/static/main.js", headers={"Accept-Encoding": "identity"})
    compressed = await site.client.get("/static/main.js", headers={"Accept-Encoding": "gzip"})

    again = await site.client.get(
        "/static/main.js", headers={"Accept-Encoding": "gzip", "If-None-Match": compressed.headers["ETag"]}
    )

    assert plain.headers["ETag"] != compressed.headers["ETag"]
    assert again.status_code == 304
