"""Anyone's folders of pictures and labels."""

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from mtlcli.data import maps
from mtlcli.data.preparers.base import Bad
from mtlcli.data.preparers.masks import Masks
from mtlcli.errors import DataError, UsageError


def picture(path: Path, size: tuple[int, int] = (6, 4)) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    Image.new("RGB", size, (9, 99, 199)).save(path)


@pytest.fixture
def root(tmp_path: Path) -> Path:
    """Three pictures; masks of classes 0..2, one missing; depth; edges; normals."""
    for name in "abc":
        picture(tmp_path / "raw" / "images" / f"{name}.jpg")
    for name in "ab":
        maps.write_index(tmp_path / "raw" / "masks" / f"{name}.png", np.full((4, 6), 2, np.uint8))
    maps.write_depth(tmp_path / "raw" / "Depth" / "a.png", np.ones((4, 6), np.float32))
    maps.write_index(tmp_path / "raw" / "edges" / "a.png", np.eye(4, 6, dtype=np.uint8))
    vectors = np.zeros((4, 6, 3), np.float32)
    vectors[..., 2] = 1
    maps.write_normals(tmp_path / "raw" / "normals" / "a.png", vectors, np.ones((4, 6), bool))
    return tmp_path / "raw"


def opened(root: Path, **options: object) -> Masks:
    return Masks(root, root.parent / "out", **options)


def test_kinds_are_guessed_and_missing_labels_are_empty_cells(root: Path) -> None:
    masks = opened(root)
    scan = masks.scan()
    kinds = {name: column.kind for name, column in masks.columns().items()}
    assert kinds == {
        "Depth": "depth", "edges": "boundary", "masks": "segmentation", "normals": "normals",
    }  # fmt: skip
    assert masks.columns()["masks"].classes == ("class_0", "class_1", "class_2")
    labels = {Path(item.image).stem: item.labels for item in scan.items}
    assert labels["a"]["masks"] == "masks/a.png" and labels["c"]["masks"] == ""
    assert labels["b"]["normals"] == ""
    assert all(masks.make(item) is item for item in scan.items)


def test_names_of_classes_are_a_list_or_a_file(root: Path, tmp_path: Path) -> None:
    (tmp_path / "names.txt").write_text("sky\nroad\n\ncar\n")
    for classes in ("sky,road, car", str(tmp_path / "names.txt")):
        masks = opened(root, classes=classes)
        masks.scan()
        assert masks.columns()["masks"].classes == ("sky", "road", "car")


def test_splits_are_folders_above(tmp_path: Path) -> None:
    for split in ("train", "validation", "test"):
        picture(tmp_path / split / "img" / "a.png")
        maps.write_index(tmp_path / split / "gt" / "a.png", np.zeros((4, 6), np.uint8))
    items = opened(tmp_path, classes="a,b").scan().items
    assert [item.split for item in items] == ["test", "train", "val"]
    assert items[0].labels == {"gt": "test/gt/a.png"}


def test_faults_are_named(root: Path) -> None:
    maps.write_index(root / "masks" / "a.png", np.full((4, 6), 7, np.uint8))
    maps.write_index(root / "masks" / "b.png", np.zeros((5, 6), np.uint8))
    Image.new("RGB", (6, 4)).save(root / "masks" / "c.png")
    maps.write_index(root / "masks" / "z.png", np.zeros((4, 6), np.uint8))
    masks = opened(root, classes="x,y,z")
    scan = masks.scan()
    assert [(bad.image, bad.reason) for bad in scan.bad] == [
        ("masks/z.png", "a label without a picture of its name")
    ]
    outcomes = [masks.make(item) for item in scan.items]
    reasons = [outcome.reason for outcome in outcomes if isinstance(outcome, Bad)]
    assert "label of masks, the class 7 is out of range: masks/a.png, 24 pixels" in reasons[0]
    assert "label of masks, it has 6 x 5 pixels, and its picture 6 x 4" in reasons[1]
    assert "label of masks, the label picture has the form RGB" in reasons[2]


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"kinds": "masks"}, "is not FOLDER=KIND"),
        ({"kinds": "masks=colours"}, "is not FOLDER=KIND"),
        ({"classes": "one"}, "two or more classes"),
        ({"classes": "a,a"}, "two or more classes"),
    ],
)
def test_options_that_cannot_be_are_refused(
    root: Path, options: dict[str, str], words: str
) -> None:
    with pytest.raises(UsageError, match=words):
        opened(root, **options)


def test_what_is_not_there_is_told(root: Path, tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="no such folder of labels"):
        opened(root, kinds="none=depth").scan()
    with pytest.raises(DataError, match="no folder of pictures"):
        opened(root / "masks").scan()
    picture(tmp_path / "bare" / "images" / "a.png")
    with pytest.raises(DataError, match="no folder of labels beside"):
        opened(tmp_path / "bare").scan()
    with pytest.raises(DataError, match="there is no folder"):
        opened(tmp_path / "nothing").scan()
