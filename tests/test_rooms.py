"""The tour shows the rooms as they are."""

import pytest

from docs import rooms

pytestmark = pytest.mark.docs


def test_the_picture_of_the_rooms_is_up_to_date() -> None:
    assert rooms.PAGE.read_text("utf-8") == rooms.page(), "run `python -m docs.rooms`"


@pytest.mark.parametrize("room", rooms.rooms())
def test_every_module_says_what_it_is_in_its_first_sentence(room: str) -> None:
    for name, said in rooms.modules_of(room).items():
        assert said, f"{room}/{name} says nothing of itself"
        assert len(said) <= 170, f"{room}/{name}: {said}"
