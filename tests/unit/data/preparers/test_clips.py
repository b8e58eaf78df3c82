"""Folders of clips: the labels are the names of the levels, and bad clips are named."""

import shutil
from collections import Counter
from pathlib import Path

import pytest
from PIL import Image

from mtlcli.data.preparers.base import Bad, Item
from mtlcli.data.preparers.clips import Clips
from mtlcli.errors import DataError, UsageError


def add(folder: Path, sizes: tuple[tuple[int, int], ...] = ((8, 8), (8, 8))) -> None:
    folder.mkdir(parents=True)
    for number, size in enumerate(sizes):
        Image.new("RGB", size).save(folder / f"{number}.jpg")


@pytest.fixture
def swim(tmp_path: Path) -> Path:
    """3 swimmers, 2 actions, 4 clips each."""
    for who in ("p1", "p2", "p3"):
        for action in ("crawl", "float"):
            for number in range(4):
                add(tmp_path / "swim" / who / action / f"{number}")
    return tmp_path / "swim"


def test_labels_are_the_names_of_the_levels(swim: Path, tmp_path: Path) -> None:
    made = Clips(swim, tmp_path)
    items = made.scan().items
    assert len(items) == 24
    assert items[0] == Item(
        "p1/crawl/0", {"identity": "p1", "action": "crawl"}, group="p1/crawl/0"
    )
    columns = made.columns()
    assert columns["identity"].classes == ("p1", "p2", "p3")
    assert columns["action"].classes == ("crawl", "float")
    assert made.make(items[0]) == items[0]


@pytest.mark.parametrize(("unseen", "apart"), [("clips", False), ("identity", True)])
def test_who_is_unseen(swim: Path, tmp_path: Path, unseen: str, apart: bool) -> None:
    made = Clips(swim, tmp_path, unseen=unseen)
    items = made.scan().items
    splits = made.split(items, 0)
    seen = {s: {i.labels["identity"] for i, t in zip(items, splits, strict=True) if t == s}
            for s in ("train", "val", "test")}  # fmt: skip
    assert all(seen.values())
    assert seen["train"].isdisjoint(seen["test"]) == apart


def test_splits_that_the_folders_give(swim: Path, tmp_path: Path) -> None:
    top = tmp_path / "sets"
    for name in ("train", "test"):
        shutil.copytree(swim, top / name)
    made = Clips(top, tmp_path)
    items = made.scan().items
    assert Counter(item.split for item in items) == {"train": 24, "test": 24}
    assert set(made.split(items, 0)) == {"train", "val", "test"}


def test_other_levels(swim: Path, tmp_path: Path) -> None:
    made = Clips(swim, tmp_path, levels="who, what", unseen="who")
    assert list(made.columns()) == ["who", "what"]
    assert made.scan().items[0].labels == {"who": "p1", "what": "crawl"}


def test_bad_clips(swim: Path, tmp_path: Path) -> None:
    add(swim / "p1" / "crawl" / "empty", ())
    add(swim / "p1" / "crawl" / "uneven", ((8, 8), (8, 9)))
    (swim / "p1" / "crawl" / "broken.avi").write_bytes(b"none")
    made = Clips(swim, tmp_path)
    found = made.scan()
    assert [bad.image for bad in found.bad] == ["p1/crawl/empty"]
    assert "the clip has no frames" in found.bad[0].reason
    made_of = {item.image: made.make(item) for item in found.items}
    uneven = made_of["p1/crawl/uneven"]
    assert isinstance(uneven, Bad) and "different sizes: 8 x 8, and here 8 x 9" in uneven.reason
    pytest.importorskip("av")
    broken = made_of["p1/crawl/broken.avi"]
    assert isinstance(broken, Bad) and "cannot be read" in broken.reason


def test_a_mended_frame_changes_the_settings(swim: Path, tmp_path: Path) -> None:
    def settings() -> dict[str, object]:
        made = Clips(swim, tmp_path)
        made.scan()
        return made.settings()

    before = settings()
    assert settings() == before
    Image.new("RGB", (64, 64), "red").save(swim / "p1" / "crawl" / "0" / "1.jpg")
    assert settings() != before


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"levels": "identity,identity"}, "--levels"),
        ({"levels": "image,action"}, "--levels"),
        ({"levels": "a b"}, "--levels"),
        ({"unseen": "session"}, "--unseen 'session'"),
    ],
)
def test_options_that_cannot_be(tmp_path: Path, options: dict[str, str], said: str) -> None:
    with pytest.raises(UsageError, match=said):
        Clips(tmp_path, tmp_path, **options)


def test_a_missing_folder_and_one_of_another_depth(swim: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="there is no folder") as missing:
        Clips(tmp_path / "none", tmp_path).scan()
    assert "DIR/IDENTITY/ACTION/CLIP" in str(missing.value.hint)
    with pytest.raises(DataError, match="fewer than two classes"):
        Clips(swim, tmp_path, levels="a,b,c,d").scan()
