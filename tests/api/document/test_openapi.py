"""The description of the API says what the application does."""

import re
from typing import Any

import msgspec
import pytest
from starlette.routing import Route

from api.http import problems
from tests.api.site import Site

# Routes for people, whose answers are pages.
PAGES = {"/", "/static/{path}", "/problems", "/problems/{name}"}


@pytest.fixture
def document(site: Site) -> dict[str, Any]:
    decoded: dict[str, Any] = msgspec.json.decode(site.app.state.openapi)
    return decoded


def test_it_describes_exactly_the_routes(site: Site, document: dict[str, Any]) -> None:
    routes = {
        (method.lower(), re.sub(r":\w+}", "}", route.path))
        for route in site.app.routes
        if isinstance(route, Route)
        for method in route.methods or ()
        if method != "HEAD"
    }
    described = {(method, path) for path, operations in document["paths"].items() for method in operations}

    assert described == {(method, path) for method, path in routes if path not in PAGES}


async def test_it_is_served(site: Site, document: dict[str, Any]) -> None:
    response = await site.client.get("/openapi.json")

    assert response.headers["content-type"] == "application/json"
    assert response.json() == document
    assert document["openapi"].startswith("3.1")


def test_every_reference_leads_somewhere(document: dict[str, Any]) -> None:
    text = msgspec.json.encode(document).decode()

    references = set(re.findall(r'"\$ref":"([^"]+)"', text))
    assert references
    for reference in references:
        prefix, name = reference.rsplit("/", 1)
        assert prefix == "#/components/schemas"
        assert name in document["components"]["schemas"]


def test_operation_ids_are_unique_and_path_parameters_named(document: dict[str, Any]) -> None:
    operations = [(path, each) for path, methods in document["paths"].items() for each in methods.values()]

    ids = [operation["operationId"] for _, operation in operations]
    assert len(ids) == len(set(ids))
    for path, operation in operations:
        named = {each["name"] for each in operation["parameters"] if each["in"] == "path"}
        assert named == set(re.findall(r"{(\w+)}", path))


def test_every_problem_is_described_somewhere(document: dict[str, Any]) -> None:
    described = set(re.findall(r"`/problems/([a-z-]+)`", msgspec.json.encode(document).decode()))

    # These are answered where no route is, or by no route's own fault.
    elsewhere = {"not-found", "method-not-allowed", "bad-request", "not-http", "headers-too-large"}
    assert described | elsewhere == set(problems.TYPES)


def test_the_upload_form_has_the_options_of_each_kind(document: dict[str, Any]) -> None:
    body = document["paths"]["/api/upload"]["post"]["requestBody"]["content"]["multipart/form-data"]

    forms = {form["properties"]["kind"]["const"]: form for form in body["schema"]["anyOf"]}
    assert sorted(forms) == ["bytes.count", "rows.count"]
    assert "delimiter" in forms["rows.count"]["properties"]
    assert forms["rows.count"]["required"] == ["file", "kind"]


async def test_the_shape_of_a_job_is_the_one_described(site: Site, document: dict[str, Any]) -> None:
    job = await site.upload()
    await site.worker.run(job["id"], {"rows": 2})
    done = (await site.client.get(f"/api/jobs/{job['id']}")).json()

    schema = document["components"]["schemas"]["JobView"]
    assert set(schema["required"]) <= set(done)
    assert set(job) | set(done) <= set(schema["properties"])


@pytest.mark.parametrize("type", problems.TYPES.values(), ids=lambda type: type.name)
async def test_every_problem_has_a_page_that_says_what_to_do(site: Site, type: problems.ProblemType) -> None:
    page = await site.client.get(type.uri)

    assert page.status_code == 200
    assert page.headers["content-type"].startswith("text/html")
    assert f"HTTP status {type.status}" in page.text
    assert type.advice.endswith(".")
    assert not type.title.endswith(".")
    assert 400 <= type.status < 600
    assert type.uri in (await site.client.get("/problems")).text
