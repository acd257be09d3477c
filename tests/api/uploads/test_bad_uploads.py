"""What is refused: each with its own clear problem, and nothing left behind."""

import asyncio
from collections.abc import Callable
from typing import Any

import httpx
import msgspec
import pytest

from tests.api.site import CSV, Served, Site, until

Send = Callable[[httpx.AsyncClient], Any]


KIND_PART = '--x\nContent-Disposition: form-data; name="kind"\n\nrows.count\n'


def form(name: str | None = "data.csv", content: bytes = CSV, **fields: str) -> Send:
    data = {"kind": "rows.count", **fields}
    return lambda client: client.post("/api/upload", files={"file": (name, content)}, data=data)


def bare(query: str = "name=data.csv&kind=rows.count", content: Any = CSV, **headers: str) -> Send:
    return lambda client: client.post(f"/api/upload?{query}", content=content, headers=headers)


def text(body: str, boundary: str = "x") -> Send:
    content = body.replace("\n", "\r\n").encode("utf-8", "surrogateescape")
    headers = {"Content-Type": f"multipart/form-data; boundary={boundary}"}
    return lambda client: client.post("/api/upload", content=content, headers=headers)


def named(name: str) -> Send:
    return text(
        f'--x\nContent-Disposition: form-data; name="kind"\n\nrows.count\n'
        f'--x\nContent-Disposition: form-data; name="file"; filename="{name}"\n\na,b\n--x--\n'
    )


async def endless() -> Any:
    while True:
        yield b"x" * 65_536


BAD: dict[str, tuple[Send, int, str]] = {
    "a compressed body": (bare(**{"Content-Encoding": "gzip"}), 415, "content-encoding-not-accepted"),
    "a body that is compressed after all": (
        bare(**{"Content-Encoding": "identity, gzip"}),
        415,
        "content-encoding-not-accepted",
    ),
    "no file in the form": (
        lambda client: client.post("/api/upload", data={"kind": "rows.count"}, files={"most": (None, "3")}),
        422,
        "file-missing",
    ),
    "a form in which no file was chosen": (
        text(KIND_PART + '--x\nContent-Disposition: form-data; name="file"; filename=""\n\n\n--x--\n'),
        422,
        "file-missing",
    ),
    "a file with an empty name": (named(""), 400, "file-name-missing"),
    "an empty file in a form": (form(content=b""), 422, "file-empty"),
    "an empty body": (bare(content=b""), 422, "file-empty"),
    "a wrong extension in a form": (form(name="data.pdf"), 415, "file-type-not-accepted"),
    "a wrong extension in the address": (bare("name=a.exe&kind=rows.count"), 415, "file-type-not-accepted"),
    "no extension": (form(name="data"), 415, "file-type-not-accepted"),
    "only an extension": (form(name=".csv"), 415, "file-type-not-accepted"),
    "a field of 1 MB": (form(note="x" * 1_000_000), 413, "field-too-large"),
    "a field of 100 kB": (form(note="x" * 100_000), 413, "field-too-large"),
    "fields that are too large together": (
        form(**{f"note{number}": "x" * 60_000 for number in range(10)}),
        413,
        "field-too-large",
    ),
    "too many fields": (
        lambda client: client.post("/api/upload", files=[("a", (None, "b"))] * 1000),
        413,
        "field-too-large",
    ),
    "a form over the limit, announced": (form(content=b"x" * 3_000_000), 413, "file-too-large"),
    "a form just over the limit": (form(content=b"x" * (1_048_576 + 1)), 413, "file-too-large"),
    "a body over the limit, announced": (bare(content=b"x" * 1_048_577), 413, "file-too-large"),
    "a body over the limit, not announced": (bare(content=endless()), 413, "file-too-large"),
    "a lying length": (bare(**{"Content-Length": "99999999999999"}), 413, "file-too-large"),
    "an unknown kind": (form(kind="rows.eat"), 422, "unknown-kind"),
    "an unknown kind in the address": (bare("name=data.csv&kind=x"), 422, "unknown-kind"),
    "no kind": (
        lambda client: client.post("/api/upload", files={"file": ("data.csv", CSV)}),
        422,
        "kind-missing",
    ),
    "no kind in the address": (bare("name=data.csv"), 422, "kind-missing"),
    "two kinds": (bare("name=data.csv&kind=rows.count&kind=bytes.count"), 400, "bad-parameter"),
    "a kind that takes no file": (form(kind="demo.wait", seconds="1"), 422, "file-not-wanted"),
    "an unknown option": (form(delimeter=";"), 422, "unknown-option"),
    "a wrong choice": (form(delimiter="x"), 422, "wrong-option"),
    "a wrong number": (form(most="many"), 422, "wrong-option"),
    "a number out of bounds": (form(most="0"), 422, "wrong-option"),
    "a huge number": (form(most="9" * 5000), 422, "wrong-option"),
    "no finite number": (form(share="nan"), 422, "wrong-option"),
    "a wrong yes or no": (form(header="perhaps"), 422, "wrong-option"),
    "an option twice": (bare("name=data.csv&kind=rows.count&most=1&most=2"), 422, "wrong-option"),
    "a name with folders": (named("../../etc/passwd.csv"), 400, "file-name-not-allowed"),
    "a name with backslashes": (named("..\\\\..\\\\x.csv"), 400, "file-name-not-allowed"),
    "a name with folders in the address": (
        bare("name=..%2F..%2Fx.csv&kind=rows.count"),
        400,
        "file-name-not-allowed",
    ),
    "a name with a NUL": (bare("name=a%00b.csv&kind=rows.count"), 400, "file-name-not-allowed"),
    "a name with a control character": (named("a\x1b[31m.csv"), 400, "file-name-not-allowed"),
    "a name with a line end": (bare("name=a%0D%0Ab.csv&kind=rows.count"), 400, "file-name-not-allowed"),
    "a name written backwards": (
        bare("name=a%E2%80%AEvsc.csv&kind=rows.count"),
        400,
        "file-name-not-allowed",
    ),
    "a name that is no UTF-8 in the address": (
        bare("name=a%ff.csv&kind=rows.count"),
        400,
        "bad-parameter",
    ),
    "an option that is no UTF-8 in the address": (
        bare("name=a.csv&kind=rows.count&delimiter=%C3"),
        400,
        "bad-parameter",
    ),
    "a name that is no UTF-8": (named("a\udcff.csv"), 400, "file-name-not-allowed"),
    "a name of 300 characters": (form(name="x" * 296 + ".csv"), 400, "file-name-not-allowed"),
    "a name of dots": (bare("name=..&kind=bytes.count"), 400, "file-name-not-allowed"),
    "no name in the address": (bare("kind=rows.count"), 400, "file-name-missing"),
    "a name of spaces": (bare("name=%20%20&kind=rows.count"), 400, "file-name-missing"),
    "no name in the form": (
        text(KIND_PART + '--x\nContent-Disposition: form-data; name="file"\n\na,b\n--x--\n'),
        400,
        "file-name-missing",
    ),
    "a file in another field": (
        lambda client: client.post(
            "/api/upload", files={"table": ("a.csv", CSV)}, data={"kind": "rows.count"}
        ),
        400,
        "form-unreadable",
    ),
    "a form without its end": (
        text(
            KIND_PART + '--x\nContent-Disposition: form-data; name="file"; filename="data.csv"\n\na,b\n1,2\n'
        ),
        400,
        "upload-incomplete",
    ),
    "a form without a boundary": (bare(**{"Content-Type": "multipart/form-data"}), 400, "form-unreadable"),
    "a form that is none": (text("hello"), 400, "form-unreadable"),
    "an endless boundary": (text("x", boundary="b" * 5000), 400, "form-unreadable"),
    "a part without a name": (
        text("--x\nContent-Disposition: form-data\n\nx\n--x--\n"),
        400,
        "form-unreadable",
    ),
    "a part with endless headers": (
        text("--x\nA: " + "b" * 100_000 + "\n\nx\n--x--\n"),
        400,
        "form-unreadable",
    ),
}


@pytest.mark.parametrize("case", BAD)
async def test_bad_input_is_refused_and_leaves_nothing(site: Site, case: str) -> None:
    send, status, problem = BAD[case]

    response = await send(site.client)

    document = response.json()
    assert (response.status_code, document["type"]) == (status, f"/problems/{problem}")
    assert response.headers["content-type"] == "application/problem+json"
    assert document["status"] == status
    assert document["title"]
    assert document["detail"].endswith((".", "…}}."))
    assert (site.files(), await site.jobs()) == ([], 0)
    assert list(site.service.storage.root.glob("tmp/*/*/")) == []
    assert (await site.client.get(document["type"])).status_code == 200


async def test_a_field_of_10_megabytes_is_refused_before_its_end(site: Site) -> None:
    http = msgspec.structs.replace(site.service.settings.http, max_upload_bytes=2 << 30)
    site.service.use(msgspec.structs.replace(site.service.settings, http=http))

    response = await form(note="x" * 10_000_000)(site.client)

    assert (response.status_code, response.json()["type"]) == (413, "/problems/field-too-large")
    assert (site.files(), await site.jobs()) == ([], 0)


@pytest.mark.parametrize("size", [1_048_575, 1_048_576])
async def test_a_file_up_to_the_limit_is_taken(site: Site, size: int) -> None:
    assert (await bare(content=b"x" * size)(site.client)).status_code == 202
    assert (await form(content=b"x" * size)(site.client)).status_code == 202


async def test_a_wrong_option_names_itself(site: Site) -> None:
    wrong = (await form(most="0")(site.client)).json()
    unknown = (await form(delimeter=";")(site.client)).json()

    assert wrong["argument"] == "most"
    assert unknown["argument"] == "delimeter"
    assert "Did you mean delimiter?" in unknown["detail"]


@pytest.mark.parametrize("chunked", [True, False])
@pytest.mark.parametrize("sent", [0, 10, 100_000])
async def test_an_upload_that_is_cut_leaves_nothing(served: Served, chunked: bool, sent: int) -> None:
    reader, writer = await asyncio.open_connection("127.0.0.1", served.port)
    size = b"Transfer-Encoding: chunked" if chunked else b"Content-Length: 500000"
    writer.write(
        b"PUT /api/upload?name=a.csv&kind=rows.count HTTP/1.1\r\nHost: localhost\r\n" + size + b"\r\n\r\n"
    )
    writer.write(b"%x\r\n%s" % (400_000, b"x" * sent) if chunked else b"x" * sent)
    await writer.drain()
    storage = served.site.service.storage
    if sent:
        await until("the upload is under way", lambda: len(served.server.server_state.tasks) == 1)

    writer.close()
    await until("the request has ended", lambda: not served.server.server_state.tasks)

    assert (served.site.files(), await served.site.jobs()) == ([], 0)
    assert list(storage.root.glob("tmp/*/*/")) == []
    assert reader is not None


async def test_a_cut_form_leaves_nothing(served: Served) -> None:
    _, writer = await asyncio.open_connection("127.0.0.1", served.port)
    head = (
        b"POST /api/upload HTTP/1.1\r\nHost: localhost\r\nContent-Length: 900000\r\n"
        b"Content-Type: multipart/form-data; boundary=x\r\n\r\n"
        b'--x\r\nContent-Disposition: form-data; name="kind"\r\n\r\nrows.count\r\n'
        b'--x\r\nContent-Disposition: form-data; name="file"; filename="data.csv"\r\n\r\n'
    )
    writer.write(head + b"x" * 300_000)
    await writer.drain()
    await until("the upload is under way", lambda: len(served.server.server_state.tasks) == 1)

    writer.close()
    await until("the request has ended", lambda: not served.server.server_state.tasks)

    assert (served.site.files(), await served.site.jobs()) == ([], 0)
