"""Modules of handlers: what is said of one that cannot be loaded."""

import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from queuecore import HandlerError, Registry


@pytest.fixture
def write(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str, str], Path]:
    """Write a module that can be imported in this test only."""
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    monkeypatch.setattr(sys, "modules", dict(sys.modules))

    def write(name: str, content: str) -> Path:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(content)
        return path

    return write


def said_of(name: str) -> str:
    with pytest.raises(HandlerError) as refused:
        Registry.load(name)
    return str(refused.value)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        ("import nosuchthing", "ModuleNotFoundError: No module named 'nosuchthing' ({path}, line 1)"),
        ("\n\n1 / 0", "ZeroDivisionError: division by zero ({path}, line 3)"),
        ("def fail():\n    assert False\n\nfail()", "AssertionError ({path}, line 2)"),
        ("def f(:", "SyntaxError: invalid syntax ({path}, line 1)"),
        ("eval('1 +')", "SyntaxError: invalid syntax ({path}, line 1)"),
        ("raise ValueError('two\\n  lines')", "ValueError: two lines ({path}, line 1)"),
        ("import json\n\njson.loads('{{')", "double quotes: line 1 column 2 (char 1) ({path}, line 3)"),
        ("exit(0)", "it ends the process when it is imported, by sys.exit(0) ({path}, line 1)"),
        (
            "from queuecore import handler\n\n@handler('Bad')\nasync def f(ctx): ...",
            "kind 'Bad': a kind is lower case words joined by dots, at most 64 characters, "
            "such as 'file.clean' ({path}, line 3)",
        ),
    ],
)
def test_what_comes_out_of_an_import_is_one_sentence_with_the_place(
    write: Callable[[str, str], Path], content: str, told: str
) -> None:
    path = write("mail.py", content.replace("{{", "{"))

    said = said_of("mail")

    assert said.startswith("the handlers in 'mail' cannot be loaded: ")
    assert said.endswith(told.format(path=path))
    assert "\n" not in said


def test_the_place_is_where_the_cause_is(write: Callable[[str, str], Path]) -> None:
    write("shop/__init__.py", "")
    write("shop/mail.py", "from shop import settings")
    settings = write("shop/settings.py", "\nLIMIT = int('many')")

    assert said_of("shop").endswith(f"({settings}, line 2)")


def test_handlers_that_are_installed_have_a_place_too(write: Callable[[str, str], Path]) -> None:
    path = write("site-packages/mail.py", "import json\njson.loads('')")
    sys.path.insert(0, str(path.parent))

    assert said_of("mail").endswith(f"({path}, line 2)")


def test_a_module_that_is_not_there_is_told_with_where_it_was_looked_for(
    write: Callable[[str, str], Path], tmp_path: Path
) -> None:
    write("shop/__init__.py", "")

    assert said_of("mail").startswith(f"there is no module 'mail'; looked in: {tmp_path}, ")
    assert said_of("mail").endswith(", what is installed")
    assert said_of("shop.mail").startswith("there is no module 'shop.mail'; looked in: ")


@pytest.mark.parametrize("name", ["mail.py", "./mail", "shop/mail.py", ".mail", ""])
def test_a_path_is_no_name_of_a_module(write: Callable[[str, str], Path], name: str) -> None:
    write("mail.py", "1 / 0")

    assert said_of(name) == (
        f"{name!r} is no name of a module: write it as an import does, app.mail for app/mail.py"
    )


def test_each_module_has_a_handler(write: Callable[[str, str], Path]) -> None:
    write("mail.py", "from queuecore import handler\n\n@handler('mail.send')\nasync def send(ctx): ...")
    path = write("letters.py", "x = 1")

    with pytest.raises(HandlerError) as refused:
        Registry.load(["mail", "letters"])

    assert str(refused.value) == f"there is no handler in 'letters' ({path}): make one with @handler(...)"
    assert said_of("sys") == "there is no handler in 'sys' (it has no file): make one with @handler(...)"


HIDDEN = """
from queuecore import JobContext, handler

def make(kind):
    @handler(kind)
    async def send(ctx: JobContext) -> None: ...
    return send

{0}
"""


@pytest.mark.parametrize(
    "line", ["ALL = [make('mail.send')]", "make('mail.send')", "class Mail:\n    send = make('mail.send')"]
)
def test_a_handler_that_no_worker_would_find_is_refused(write: Callable[[str, str], Path], line: str) -> None:
    write("mail.py", HIDDEN.format(line))
    write("letters.py", "import mail\nfrom mail import make\npost = make('letters.post')")

    for name in ("mail", "letters"):
        assert said_of(name) == (
            "kind mail.send: mail.make.<locals>.send is the name of nothing in its module, "
            "so that no worker finds it: write `send = ...` there"
        )
        for each in ("mail", "letters"):
            sys.modules.pop(each, None)


def test_a_handler_may_be_made_by_a_function_and_be_replaced(write: Callable[[str, str], Path]) -> None:
    write("mail.py", HIDDEN.format("send = make('mail.send')\nsend = make('mail.send')"))
    write("letters.py", "import mail\npost = mail.make('letters.post')")

    assert Registry.load("letters").kinds() == ["letters.post"]
    assert Registry.load(["mail", "letters"]).kinds() == ["letters.post", "mail.send"]


def test_ctrl_c_while_handlers_load_is_no_mistake_in_them(write: Callable[[str, str], Path]) -> None:
    write("mail.py", "raise KeyboardInterrupt")

    with pytest.raises(KeyboardInterrupt):
        Registry.load("mail")
