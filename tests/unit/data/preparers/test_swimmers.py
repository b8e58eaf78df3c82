"""The swimmers' dataset: balanced, seeded, the same however often it is made."""

from collections import Counter
from pathlib import Path

import pytest

from mtlcli.data.preparers.picture_check import fault
from mtlcli.data.preparers.swimmers import Swimmers
from mtlcli.errors import DataError, UsageError


def bytes_of(folder: Path) -> list[bytes]:
    return [path.read_bytes() for path in sorted(folder.iterdir())]


def test_every_swimmer_does_everything_equally_often(tmp_path: Path) -> None:
    items = Swimmers(None, tmp_path, count=96, identities=4).scan().items
    counts = Counter(tuple(item.labels.values()) for item in items)
    assert len(counts) == 16 and set(counts.values()) == {6}


def test_a_clip_is_made_whole_and_again_the_same(tmp_path: Path) -> None:
    made = Swimmers(None, tmp_path, count=2, frames=3, size=24)
    item = made.scan().items[1]
    assert made.make(item) == item
    folder = tmp_path / item.image
    first = bytes_of(folder)
    (folder / "001.jpg").write_bytes(b"damaged")
    made.make(item)
    assert len(first) == 3 and bytes_of(folder) == first
    assert fault(folder, None) == ""
    assert [path.name for path in folder.parent.iterdir()] == [folder.name]


def test_another_seed_gives_other_clips(tmp_path: Path) -> None:
    made = Swimmers(None, tmp_path, count=1, frames=2, size=24)
    found = []
    for seed in (0, 1):
        made.seed = seed
        (item,) = made.scan().items
        made.make(item)
        found.append(bytes_of(tmp_path / item.image))
    assert found[0] != found[1]


@pytest.mark.parametrize(("unseen", "apart"), [("clips", False), ("identities", True)])
def test_splits_share_no_group(tmp_path: Path, unseen: str, apart: bool) -> None:
    made = Swimmers(None, tmp_path, count=240, identities=5, unseen=unseen)
    items = made.scan().items
    splits = made.split(items, 0)
    assert set(splits) == {"train", "val", "test"}
    seen = {s: {i.labels["identity"] for i, t in zip(items, splits, strict=True) if t == s}
            for s in set(splits)}  # fmt: skip
    assert seen["train"].isdisjoint(seen["test"]) == apart


@pytest.mark.parametrize(
    "options",
    [{"count": 0}, {"frames": 0}, {"size": 8}, {"identities": 1}, {"identities": 65}],
)
def test_options_out_of_range(tmp_path: Path, options: dict[str, int]) -> None:
    with pytest.raises(UsageError, match="--"):
        Swimmers(None, tmp_path, **options)


def test_where_nothing_can_be_written(tmp_path: Path) -> None:
    (tmp_path / "clips").write_text("a file")
    made = Swimmers(None, tmp_path, count=1, frames=1, size=16)
    with pytest.raises(DataError, match="cannot write"):
        made.make(made.scan().items[0])
