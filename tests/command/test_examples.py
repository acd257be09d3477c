"""The examples of the pages for users of the library, run as they say: a worker, and a program beside it."""

import re
import sys
from pathlib import Path

import pytest

from tests.command.readme import ADDRESS, ROOT, run_example

# The page, and what its example prints.
PRINTS = {
    "limits.md": "A B C D\n",
    "bounds.md": "Dear Bob\n2 of 2\n",
    "pause.md": "paused by ann: 3 wait\nA B C\n",
    "uniqueness.md": "True True False\nTrue\nA\nTrue A\n",
}


@pytest.mark.parametrize("page", PRINTS)
def test_a_pages_example_does_what_it_says(page: str, redis_url: str, tmp_path: Path) -> None:
    text = (ROOT / "docs" / page).read_text("utf-8")
    example = re.search(r'```python\n("""(\w+)\.py""".*?)```', text, re.DOTALL)
    assert example is not None
    (tmp_path / f"{example[2]}.py").write_text(example[1].replace(ADDRESS, redis_url))

    printed = run_example(
        tmp_path,
        redis_url,
        command=[sys.executable, "-m", "queuecore"],
        python=sys.executable,
        search_path=str(ROOT),
        module=example[2],
    )

    assert printed == PRINTS[page]
    assert printed.strip() in text
