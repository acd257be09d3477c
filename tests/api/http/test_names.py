"""Names of files that come from outside."""

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from api.http.names import check_name, content_disposition, extension
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
        "👩‍💻.csv",
        "❤️ 1️⃣.csv",
        "می‌خواهم.csv",
        "क्‍ष.csv",
        "한글.csv",
        "１２　３.csv",
    ],
)
def test_an_ordinary_name_is_kept(name: str) -> None:
    assert check_name(name) == name


# Unicode's property Default_Ignorable_Code_Point, and what else has no look of its own.
INVISIBLE = [
    *"\u200b\u200c\u200d\u200e\u200f\u202a\u202e\u2028\u2060\u2066\u2069\ufeff\u00ad\u061c\u180e\u034f\u115f\u3164\uffa0",
    *"\u2800\ufff9\ufe00\ufe0f\U000e0001\U000e0041\U000e007f\U000e0100\U0001d173\x7f\x85",
]


@pytest.mark.parametrize("character", INVISIBLE, ids=lambda character: f"U+{ord(character):04X}")
def test_an_invisible_character_is_refused_and_never_sent(character: str) -> None:
    with pytest.raises(Problem, match=f"U\\+{ord(character):04X}"):
        check_name(f"da{character}ta.csv")

    assert "filename*" not in content_disposition(f"da{character}ta.csv")
    assert 'filename="da_ta.csv"' in content_disposition(f"da{character}ta.csv")


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
