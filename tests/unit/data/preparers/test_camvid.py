"""CamVid: pairs, void, boundaries, and splits that share no sequence."""

import shutil
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtlcli.data import maps
from mtlcli.data.preparers.base import Bad, Item
from mtlcli.data.preparers.camvid import CLASSES, CamVid
from mtlcli.errors import DataError

SEQUENCES = {"0016E5": 5, "0006R0": 3, "0001TP": 2}


def write(root: Path, split: str, name: str, label: np.ndarray) -> None:
    for folder in (root / split, root / f"{split}annot"):
        folder.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", label.shape[::-1], (90, 90, 90)).save(root / split / f"{name}.png")
    Image.fromarray(label).save(root / f"{split}annot" / f"{name}.png")


@pytest.fixture
def root(tmp_path: Path) -> Path:
    label = np.repeat(np.array([[0, 3, 11, 3]], np.uint8), 2, 0)
    for sequence, count in SEQUENCES.items():
        for frame in range(count):
            write(tmp_path / "raw", "train", f"{sequence}_{frame:03d}", label)
    return tmp_path / "raw"


def made(root: Path, out: Path) -> tuple[CamVid, list[Item | Bad]]:
    preparer = CamVid(root, out)
    return preparer, [preparer.make(item) for item in preparer.scan().items]


def test_labels_are_written_with_void_as_unlabelled(root: Path, tmp_path: Path) -> None:
    preparer, outcomes = made(root, tmp_path / "out")
    item = outcomes[0]
    assert isinstance(item, Item)
    columns = preparer.columns()
    read = {n: maps.read_map(path, columns[n]) for n, path in item.labels.items()}
    assert read["seg"].tolist() == [[0, 3, 255, 3]] * 2
    assert read["boundary"].tolist() == [[1, 1, 255, 0]] * 2
    assert (preparer.image_root() / item.image).is_file()
    assert len(CLASSES) == 11


def test_whole_sequences_become_the_splits(root: Path, tmp_path: Path) -> None:
    preparer, outcomes = made(root, tmp_path / "out")
    items = [item for item in outcomes if isinstance(item, Item)]
    splits = preparer.split(items, seed=0)
    of = {item.group: split for item, split in zip(items, splits, strict=True)}
    assert of == {"0016E5": "train", "0006R0": "test", "0001TP": "val"}


def test_the_official_splits_stay_where_all_are_there(root: Path, tmp_path: Path) -> None:
    label = np.zeros((2, 4), np.uint8)
    write(root, "val", "0016E5_900", label)
    write(root, "test", "Seq05VD_001", label)
    preparer, outcomes = made(root, tmp_path / "out")
    items = [item for item in outcomes if isinstance(item, Item)]
    assert preparer.split(items, seed=0) == [item.split for item in items]
    anew = CamVid(root, tmp_path / "other", split="sequences")
    items = anew.scan().items
    pairs = {(i.group, split) for i, split in zip(items, anew.split(items, 0), strict=True)}
    assert len(pairs) == len({group for group, _ in pairs}) == 4
    items = preparer.scan().items
    assert {item.split for item in items} == {"train", "val", "test"}


def test_faults_are_named(root: Path, tmp_path: Path) -> None:
    write(root, "train", "0016E5_100", np.full((2, 4), 12, np.uint8))
    write(root, "train", "0016E5_101", np.zeros((3, 4), np.uint8))
    Image.new("RGB", (4, 2)).save(root / "train" / "0016E5_101.png")
    write(root, "train", "0016E5_102", np.zeros((2, 4), np.uint8))
    Image.new("RGB", (4, 2)).save(root / "trainannot" / "0016E5_102.png")
    (root / "trainannot" / "0016E5_000.png").unlink()
    preparer = CamVid(root, tmp_path / "out")
    scan = preparer.scan()
    unlabelled = [item for item in scan.items if not item.labels["seg"]]
    assert [Path(item.image).stem for item in unlabelled] == ["0016E5_000"]
    outcomes = [preparer.make(item) for item in scan.items]
    reasons = {Path(o.image).stem[-3:]: o.reason for o in outcomes if isinstance(o, Bad)}
    assert "out of range: trainannot/0016E5_100.png, 8 pixels" in reasons["100"]
    assert "it has 4 x 3 pixels, and its picture 4 x 2" in reasons["101"]
    assert "form RGB" in reasons["102"]


def test_missing_folders_are_told(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no picture with a label"):
        CamVid(tmp_path, tmp_path / "out").scan()


def test_the_real_labels_come_back_as_a_direct_reading(shared_data: Path, tmp_path: Path) -> None:
    for kind in ("train", "trainannot"):
        (tmp_path / "raw" / kind).mkdir(parents=True)
    for picture in sorted((shared_data / "camvid" / "train").iterdir())[::120]:
        shutil.copy(picture, tmp_path / "raw" / "train")
        shutil.copy(
            shared_data / "camvid" / "trainannot" / f"{picture.stem}.png",
            tmp_path / "raw" / "trainannot",
        )
    _, outcomes = made(tmp_path / "raw", tmp_path / "out")
    assert len(outcomes) == 4
    for item in outcomes:
        assert isinstance(item, Item)
        stem = Path(item.image).stem
        raw = np.asarray(Image.open(tmp_path / "raw" / "trainannot" / f"{stem}.png"))
        written = np.asarray(Image.open(item.labels["seg"]))
        np.testing.assert_array_equal(written, np.where(raw == 11, 255, raw))
