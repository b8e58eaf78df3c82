"""The dataset of invented rooms: files as its columns say, and options that are checked."""

from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from mtlcli.data import maps
from mtlcli.data.decode import open_rgb
from mtlcli.data.preparers.room_names import ROOMS
from mtlcli.data.preparers.room_picture import draw_room
from mtlcli.data.preparers.rooms import Rooms, parse_size
from mtlcli.errors import UsageError


def test_making_writes_what_the_columns_say(tmp_path: Path) -> None:
    made = Rooms(None, tmp_path, count=2, size="48x64")
    item = made.make(made.scan().items[1])
    view, columns = draw_room("0-00001", 48, 64), made.columns()
    read = {
        name: maps.read_map(tmp_path / item.labels[name], column)
        for name, column in columns.items()
        if column.dense
    }
    assert (open_rgb(tmp_path / item.image).size, item.labels["room"]) == ((64, 48), view.room)
    for name in read:
        assert maps.check_map(tmp_path / item.labels[name], columns[name], (64, 48)) is None
    assert (read["seg"] == view.labels).all()
    assert (read["boundary"] == view.edges()).all()
    assert np.abs(read["depth"] - view.depth)[view.known].max() < 0.00051
    assert not read["depth"][~view.known].any()
    vectors, valid = maps.decode_normals(read["normals"])
    assert (valid == view.known).all()
    cosines = (vectors * view.normals).sum(2)[valid]
    assert np.degrees(np.arccos(cosines.clip(-1, 1))).max() < 1


def test_making_twice_gives_equal_files_and_no_others(tmp_path: Path) -> None:
    made = Rooms(None, tmp_path, count=1, size="32x40")
    item = made.scan().items[0]
    bytes_ = []
    for _ in range(2):
        made.make(item)
        files = sorted(path for path in tmp_path.rglob("*") if path.is_file())
        bytes_.append([path.read_bytes() for path in files])
        assert {path.parent.parent.name for path in files} == {
            "images", "seg", "normals", "depth", "boundary",
        }  # fmt: skip
        assert all(path.parent.name == "32x40" for path in files)
    assert bytes_[0] == bytes_[1]
    assert len(bytes_[0]) == 5


def test_the_seed_names_other_rooms(tmp_path: Path) -> None:
    made = Rooms(None, tmp_path, count=3)
    first = {item.image for item in made.scan().items}
    made.seed = 1
    assert not first & {item.image for item in made.scan().items}


def test_every_split_has_its_share_of_every_kind_of_room(tmp_path: Path) -> None:
    made = Rooms(None, tmp_path, count=400)
    items = made.scan().items
    splits = made.split(items, 0)
    sizes = Counter(splits)
    assert abs(sizes["train"] - 320) <= 5
    assert abs(sizes["val"] - 40) <= 5
    counts = Counter(zip(splits, (item.labels["room"] for item in items), strict=True))
    assert min(counts["test", room] for room in ROOMS) >= 6


def test_the_longest_view_is_within_the_range_of_the_column(tmp_path: Path) -> None:
    column = Rooms(None, tmp_path).columns()["depth"]
    assert column.low is not None
    assert column.high is not None
    assert column.low < 0.5
    assert column.high > np.hypot(6, 6)


@pytest.mark.parametrize("text", ["96x128", " 96 X 128", "96×128"])
def test_a_size_is_height_by_width(text: str) -> None:
    assert parse_size(text) == (96, 128)


@pytest.mark.parametrize("text", ["96", "96x", "x96", "96x128x3", "8x64", "64x5000", "-96x128", ""])
def test_impossible_sizes_are_refused(tmp_path: Path, text: str) -> None:
    with pytest.raises(UsageError, match="--size"):
        Rooms(None, tmp_path, size=text)


def test_no_rooms_at_all_are_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="--count"):
        Rooms(None, tmp_path, count=0)


def test_settings_name_what_shapes_the_pictures(tmp_path: Path) -> None:
    assert Rooms(None, tmp_path, count=5, size="48×64").settings() == {"count": 5, "size": "48x64"}
