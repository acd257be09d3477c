"""Writes the picture of the rooms into docs/internals.md, from the imports and the docstrings of the code.

python -m docs.rooms
"""

import ast
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
PAGE = Path(__file__).with_name("internals.md")
LIBRARY = ROOT / "queuecore"
BEGIN = "<!-- Written by `python -m docs.rooms` from the imports and docstrings of queuecore/. -->\n"
END = "<!-- The end of what is written. -->\n"
# From the top; import-linter holds that imports go down only (pyproject.toml).
FLOORS = (("command",), ("worker",), ("client", "execution"), ("store", "handling"), ("model", "processes"))


def page() -> str:
    """The whole page, with the picture as the code is now."""
    text = PAGE.read_text("utf-8")
    before, _, rest = text.partition(BEGIN)
    return before + BEGIN + _picture() + _tables() + END + rest.partition(END)[2]


def rooms() -> list[str]:
    """The rooms that there are, from the top floor down."""
    found = {path.parent.name for path in LIBRARY.glob("*/__init__.py")}
    known = [room for floor in FLOORS for room in floor]
    missing = found - set(known)
    assert not missing, f"give {missing} a floor in docs/rooms.py"
    return [room for room in known if room in found]


def modules_of(room: str) -> dict[str, str]:
    """The modules of a room and the first sentence of what each says of itself."""
    return {
        path.stem: _headline(path)
        for path in sorted((LIBRARY / room).glob("*.py"))
        if path.stem not in ("__init__", "__main__")
    }


def _picture() -> str:
    lines = ["```mermaid", "flowchart TD"]
    for floor in FLOORS:
        lines += [f"    {room}" for room in floor if room in rooms()]
    lines += [f"    {room} --> {below}" for room in rooms() for below in _imported_by(room)]
    return "\n".join([*lines, "```", "", ""])


def _imported_by(room: str) -> list[str]:
    imported: set[str] = set()
    for path in (LIBRARY / room).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text("utf-8"))):
            if isinstance(node, ast.ImportFrom) and node.level == 2 and node.module:
                imported.add(node.module.split(".")[0])
    return [other for other in rooms() if other in imported]


def _tables() -> str:
    parts = []
    for room in rooms():
        rows = "".join(f"| `{name}` | {said} |\n" for name, said in modules_of(room).items())
        said = _headline(LIBRARY / room / "__init__.py")
        parts.append(f"### `{room}`\n\n{said}\n\n| file | what it is |\n|---|---|\n{rows}\n")
    return "".join(parts)


def _headline(path: Path) -> str:
    said = ast.get_docstring(ast.parse(path.read_text("utf-8"))) or ""
    first = said.partition("\n\n")[0].replace("\n", " ")
    return re.sub(r"\s+", " ", first).replace("|", "\\|")


if __name__ == "__main__":
    PAGE.write_text(page(), "utf-8")
