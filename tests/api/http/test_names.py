"""Names of files that come from outside."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.http.names import check_name, extension
from api.http.problems import Problem
from storage import LocalStorage
from tests.storage.uploads import store


@pytest.mark.parametrize(
    "name",
    [
        "data.csv",
        "Übersicht März.csv",
        "报告.xlsx",
        "a b (1).csv",
        "CON.csv",
        ".csv",
        "x" * 251 + ".csv",
        "🙂.csv",
    ],
)
def test_an_ordinary_name_is_kept(name: str) -> None:
    assert check_name(name) == name


def test_a_name_is_kept_in_its_composed_form() -> None:
    assert check_name("u\u0308.csv") == "ü.csv"


@given(st.text(max_size=300))
def test_a_name_is_kept_or_refused_and_nothing_else(name: str) -> None:
    kept = refusal = ""
    try:
        kept = check_name(name)
    except Problem as problem:
        refusal = problem.type.name

    assert refusal in ("", "file-name-missing", "file-name-not-allowed")
    assert bool(kept) != bool(refusal)
    assert not set(kept) & set("/\\\0\r\n")
    assert len(kept) <= 255


@pytest.mark.parametrize(
    ("name", "ending"),
    [("a.CSV", ".csv"), ("a.tar.gz", ".gz"), ("a", ""), (".csv", ""), ("a.", "."), ("a.b c", ".b c")],
)
def test_the_extension_is_the_last_ending(name: str, ending: str) -> None:
    assert extension(name) == ending


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    name=st.text(st.characters(), max_size=80)
    | st.sampled_from(["../x", "/etc/passwd", "..", "a\0b", "C:\\x"])
)
async def test_no_name_makes_a_file_outside_the_storage(tmp_path: Path, name: str) -> None:
    root = tmp_path / "inner" / "files"
    storage = LocalStorage(root, reserve_bytes=0)

    ref = await store(storage, name=name.encode("utf-8", "replace").decode())

    assert files_outside(root, tmp_path) == []
    assert storage.path(ref).read_bytes() == b"a,b\n1,2\n"
    storage.delete("main." + "a" * 22)


def files_outside(root: Path, whole: Path) -> list[Path]:
    return [path for path in whole.rglob("*") if path.is_file() and not path.is_relative_to(root)]
