"""Room on the disk is taken before it is used, so that many writers together leave the reserve alone."""

import threading
from pathlib import Path

import pytest

from storage import StorageFull
from storage.room import LARGEST_PIECE, Room

BLOCK = bytes(64 << 10)


class SmallDisk(Room):
    """As if the directory lay on a disk of its own."""

    def __init__(self, directory: Path, *, size: int, reserve: int) -> None:
        super().__init__(directory, reserve)
        self._size = size

    def free(self) -> int:
        return self._size - sum(file.stat().st_blocks * 512 for file in self.directory.iterdir())


def write_until_full(room: Room, path: Path) -> int:
    """Write blocks until one is refused; returns how many bytes were written."""
    with room.create(path) as file:
        for _ in range(10_000):
            try:
                file.write(BLOCK)
            except StorageFull:
                return file.size
    raise AssertionError("nothing was refused")


def test_many_writers_at_once_leave_the_reserve_alone(tmp_path: Path) -> None:
    room = SmallDisk(tmp_path, size=24 << 20, reserve=4 << 20)
    sizes: list[int] = []

    def write(name: str) -> None:
        sizes.append(write_until_full(room, tmp_path / name))

    writers = [threading.Thread(target=write, args=(f"file-{n}",)) for n in range(6)]
    for writer in writers:
        writer.start()
    for writer in writers:
        writer.join(60)

    assert len(sizes) == 6
    assert sum(sizes) <= 20 << 20
    assert room.free() >= room.reserve
    assert all((tmp_path / f"file-{n}").stat().st_size in sizes for n in range(6))


def test_what_was_taken_in_vain_is_given_back(tmp_path: Path) -> None:
    room = SmallDisk(tmp_path, size=256 << 20, reserve=0)
    path = tmp_path / "file"

    with room.create(path) as file:
        for _ in range(3 * LARGEST_PIECE // len(BLOCK)):
            file.write(BLOCK)
        file.write(b"the end")
        taken = path.stat().st_blocks * 512
        file.make_durable()

    size = 3 * LARGEST_PIECE + len(b"the end")
    assert path.stat().st_size == size
    assert taken >= size
    assert path.stat().st_blocks * 512 <= size + (64 << 10)


def test_a_refused_write_changes_nothing(tmp_path: Path) -> None:
    room = SmallDisk(tmp_path, size=1 << 20, reserve=512 << 10)
    path = tmp_path / "file"

    with room.create(path) as file:
        file.write(b"kept")
        with pytest.raises(StorageFull, match="are kept in reserve"):
            file.write(bytes(1 << 20))

    assert path.read_bytes() == b"kept"


def test_what_has_no_room_at_all_is_refused_before_it_is_taken(tmp_path: Path) -> None:
    room = SmallDisk(tmp_path, size=1 << 20, reserve=512 << 10)

    with pytest.raises(StorageFull):
        room.check(600 << 10)

    room.check(500 << 10)
