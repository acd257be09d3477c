"""Rules of the layout that import-linter cannot express; the floors themselves are in pyproject.toml."""

import ast
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from queuecore.store.keys import NAMES

ROOT = Path(__file__).resolve().parents[1]
PACKAGES = ("queuecore", "handlers", "storage", "config", "api", "launch")
# Hands its whole environment on to the processes of a worker, without looking for a setting in it.
HANDS_ON = "queuecore/processes/environment.py"
# Packages in rooms: what others may use of a room, its `__init__` names.
HOUSES = ("queuecore", "api", "handlers.cleaning")
ENVIRONMENT_READERS = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def sources(*packages: str) -> list[Path]:
    found = [path for package in packages for path in (ROOT / package).rglob("*.py")]
    return sorted([*found, ROOT / "worker.py"])


def name_of(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def nodes_of(path: Path) -> Iterator[ast.AST]:
    return ast.walk(ast.parse(path.read_text("utf-8"), str(path)))


def imports_of(path: Path) -> set[str]:
    """The first words of the absolute imports of a file."""
    found: set[str] = set()
    for node in nodes_of(path):
        if isinstance(node, ast.Import):
            found |= {alias.name.split(".")[0] for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
            found.add(node.module.split(".")[0])
    return found


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=name_of)
def test_only_config_reads_the_environment(path: Path) -> None:
    if name_of(path).startswith("config/") or name_of(path) == HANDS_ON:
        return

    readers = [
        f"line {node.lineno}"
        for node in nodes_of(path)
        if (isinstance(node, ast.Attribute) and node.attr in ENVIRONMENT_READERS)
        or (isinstance(node, ast.ImportFrom) and {alias.name for alias in node.names} & ENVIRONMENT_READERS)
    ]

    assert not readers, f"take the setting from config.load(): {readers}"


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=name_of)
def test_only_keys_builds_a_key(path: Path) -> None:
    if name_of(path) == "queuecore/store/keys.py":
        return
    docstrings = {
        id(node.body[0].value)
        for node in nodes_of(path)
        if isinstance(node, ast.Module | ast.ClassDef | ast.FunctionDef | ast.AsyncFunctionDef)
        and node.body
        and isinstance(node.body[0], ast.Expr)
    }

    tags = [
        node.lineno
        for node in nodes_of(path)
        if isinstance(node, ast.Constant)
        and isinstance(node.value, str)
        and id(node) not in docstrings
        and re.search(r":\{|\bqc:", node.value)
    ]
    glued = [
        part.lineno
        for node in nodes_of(path)
        if isinstance(node, ast.JoinedStr | ast.BinOp)
        for part in ast.walk(node)
        if isinstance(part, ast.Attribute) and re.search(r"[kK]eys(\(.*\))?\.base$", ast.unparse(part))
    ]

    assert not tags + glued, "ask queuecore.store.keys for the key"


@pytest.mark.parametrize("path", sorted((ROOT / "queuecore/store/lua").glob("*.lua")), ids=name_of)
def test_scripts_take_the_words_of_keys_from_keys(path: Path) -> None:
    code = re.sub(r"--.*", "", path.read_text("utf-8"))

    unnamed = re.findall(r"\bbase *\.\. *['\"]\S+", code)
    words = [word for word in re.findall(r"'([a-z]+:)'", code) if word in NAMES.values()]

    assert not unnamed + words


@pytest.mark.parametrize("path", sorted((ROOT / "queuecore").rglob("*.py")), ids=name_of)
def test_the_library_needs_only_what_its_wheel_requires(path: Path) -> None:
    allowed = set(sys.stdlib_module_names) | {"hiredis", "msgspec", "queuecore", "uvloop"}
    if name_of(path).startswith("queuecore/command/"):
        allowed.add("click")  # whoever imports the library does not load it

    assert imports_of(path) <= allowed


@pytest.mark.parametrize("path", sources(*PACKAGES), ids=name_of)
def test_only_the_connection_knows_redis(path: Path) -> None:
    # The simulated server of the launcher is a server: it raises what redis-py raises.
    if name_of(path) not in ("queuecore/store/connection.py", "launch/fake_redis.py"):
        assert not imports_of(path) & {"redis", "hiredis", "fakeredis"}


def test_the_worker_command_is_on_top() -> None:
    assert imports_of(ROOT / "worker.py") & set(PACKAGES) <= {"config", "queuecore", "storage"}
    for path in sources(*PACKAGES):
        assert "worker" not in imports_of(path), name_of(path)


@pytest.mark.parametrize(
    ("house", "path"),
    [(house, path) for house in HOUSES for path in (ROOT / house.replace(".", "/")).rglob("*.py")],
    ids=lambda value: value if isinstance(value, str) else name_of(value),
)
def test_imports_from_another_room_go_through_its_door(house: str, path: Path) -> None:
    package = [*path.relative_to(ROOT).with_suffix("").parts]
    room = package[len(house.split("."))]

    around = [
        f"line {node.lineno}: {target}"
        for node in nodes_of(path)
        if isinstance(node, ast.ImportFrom) and (target := _absolute(node, package)).startswith(f"{house}.")
        if len(rooms := target.removeprefix(f"{house}.").split(".")) > 1 and rooms[0] != room
    ]

    assert not around, f"import it from the room itself, and add it to its door: {around}"


def _absolute(node: ast.ImportFrom, package: list[str]) -> str:
    """What a `from ... import` names, as a path from the top."""
    if not node.level:
        return node.module or ""
    return ".".join([*package[: -node.level], *(node.module.split(".") if node.module else [])])
