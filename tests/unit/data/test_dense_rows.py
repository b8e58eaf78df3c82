"""Dense labels lie as their pictures do, whatever training changes."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from mtlcli.data import maps
from mtlcli.data.batch import Batch
from mtlcli.data.geometry import Framing, View, render_map
from mtlcli.data.loader import eval_loader, train_loader
from mtlcli.data.rows import MapFiles, Rows
from mtlcli.data.transforms import Augment
from mtlcli.errors import DataError
from mtlcli.io.column import Column

SEG = Column("segmentation", classes=("a", "b", "c", "d"), ignore=255, encoding="index")
NORMALS = Column("normals", encoding="normals")
COLOURS = np.array([(250, 10, 10), (10, 250, 10), (10, 10, 250), (240, 240, 240)], np.uint8)
CROP = Augment(resize=(0.5, 1.5))


def quarters(height: int, width: int) -> np.ndarray:
    """Four classes in four quarters, each of a colour of its own."""
    down = (np.arange(height) >= height // 2).astype(np.uint8)
    across = (np.arange(width) >= width // 2).astype(np.uint8)
    return down[:, None] * 2 + across


def write(folder: Path, sizes: list[tuple[int, int]]) -> Rows:
    for row, size in enumerate(sizes):
        label = quarters(*size)
        Image.fromarray(COLOURS[label]).save(folder / f"{row}.png")
        maps.write_index(folder / f"{row}-seg.png", label)
    return rows(folder, len(sizes), Framing((40, 60), crop=(24, 32)), CROP)


def rows(folder: Path, count: int, framing: Framing, augment: Augment | None) -> Rows:
    names = [f"{row}.png" for row in range(count)]
    files = MapFiles([str(folder / f"{row}-seg.png") for row in range(count)], SEG)
    return Rows(folder, names, {}, framing, maps={"seg": files}, augment=augment, seed=5)


def agreement(image: torch.Tensor, label: torch.Tensor) -> float:
    """The share of labelled pixels whose colour is that of their class."""
    colours = torch.from_numpy(COLOURS).float()
    nearest = torch.cdist(image.flatten(1).T.float(), colours).argmin(1)
    known = label.flatten() != 255
    return float((nearest == label.flatten())[known].float().mean())


@pytest.mark.parametrize("augment", [CROP, Augment(flip=1.0), Augment(scale=(0.6, 1.2), rotate=30)])
def test_labels_follow_their_pictures(tmp_path: Path, augment: Augment) -> None:
    write(tmp_path, [(80, 120)])
    crop = (24, 32) if augment is CROP else None
    split = rows(tmp_path, 1, Framing((40, 60), crop=crop), augment)
    for epoch in range(20):
        sample = split.sample(epoch, 0)
        assert sample.image.shape[1:] == sample.maps["seg"].shape == (crop or (40, 60))
        assert agreement(sample.image, sample.maps["seg"]) > 0.9  # borders are mixed colours


def test_what_lies_beyond_the_picture_is_unlabelled(tmp_path: Path) -> None:
    write(tmp_path, [(80, 120)])
    split = rows(tmp_path, 1, Framing((40, 60), crop=(60, 80)), Augment(flip=0))
    label = split.sample(0, 0).maps["seg"]
    assert int((label != 255).sum()) == 40 * 60
    inner = label[10:50, 10:70]  # no place to choose: the picture is smaller than the crop
    assert set(inner.flatten().tolist()) == {0, 1, 2, 3} or (label != 255).any(0).sum() == 60


def test_evaluation_keeps_the_labels_own_resolution(tmp_path: Path) -> None:
    write(tmp_path, [(80, 120)])
    sample = rows(tmp_path, 1, Framing((40, 60), fit="squash"), None).sample(0, 0)
    assert sample.image.shape == (3, 40, 60)
    np.testing.assert_array_equal(sample.maps["seg"].numpy(), quarters(80, 120))


def test_pictures_of_several_sizes_are_each_seen_once_in_their_own(tmp_path: Path) -> None:
    sizes = [(80, 120), (80, 120), (64, 64), (80, 120), (90, 50)]
    write(tmp_path, sizes)
    split = rows(tmp_path, 5, Framing(None, crop=(24, 32)), None)
    batches = list(eval_loader(split, batch=3, workers=0))
    assert [row for batch in batches for row in batch.index.tolist()] == [0, 1, 2, 3, 4]
    for batch in batches:
        assert {sizes[row] for row in batch.index.tolist()} == {tuple(batch.images.shape[2:])}
        assert batch.targets["seg"].shape == (len(batch), *batch.images.shape[2:])


def _train(split: Rows) -> Batch:
    return next(train_loader(split, batch=3, seed=0, workers=0).epoch(0))


def test_a_row_without_a_label_weighs_nothing_and_stays(tmp_path: Path) -> None:
    write(tmp_path, [(80, 120)] * 3)
    files = MapFiles([str(tmp_path / "0-seg.png"), "", str(tmp_path / "2-seg.png")], SEG)
    split = Rows(
        tmp_path, ["0.png", "1.png", "2.png"], {}, Framing((40, 60), crop=(24, 32)),
        maps={"seg": files}, augment=CROP,
    )  # fmt: skip
    batch = _train(split)
    weight = dict(zip(batch.index.tolist(), batch.weights["seg"].tolist(), strict=True))
    assert weight == {0: 1, 1: 0, 2: 1}
    assert (batch.targets["seg"][batch.weights["seg"] == 0] == 255).all()


def test_a_bad_label_leaves_its_row_out_and_is_named(tmp_path: Path) -> None:
    write(tmp_path, [(80, 120)] * 3)
    maps.write_index(tmp_path / "1-seg.png", np.zeros((8, 8), np.uint8))
    maps.write_index(tmp_path / "2-seg.png", np.full((80, 120), 9, np.uint8))
    batch = _train(rows(tmp_path, 3, Framing((40, 60), crop=(24, 32)), CROP))
    assert batch.index.tolist() == [0]
    reasons = dict(batch.bad)
    assert "it has 8 x 8 pixels, and its picture 120 x 80" in reasons[1]
    assert "2-seg.png: the class 9 is out of range: 9600 pixels" in reasons[2]


def test_labels_of_other_files_than_rows_are_a_fault(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="lengths"):
        Rows(tmp_path, ["a"], {}, Framing((8, 8)), maps={"seg": MapFiles([], SEG)})


def test_mirrored_normals_point_the_other_way(tmp_path: Path) -> None:
    vectors = np.zeros((40, 60, 3), np.float32)
    vectors[:, :30, 0], vectors[:, 30:, 2] = 1, 1
    maps.write_normals(tmp_path / "n.png", vectors, np.ones((40, 60), bool))
    Image.new("RGB", (60, 40)).save(tmp_path / "a.png")
    files = MapFiles([str(tmp_path / "n.png")], NORMALS)
    split = Rows(
        tmp_path, ["a.png"], {}, Framing((40, 60)), maps={"n": files}, augment=Augment(flip=1)
    )
    pixels = split.sample(0, 0).maps["n"].permute(1, 2, 0).numpy()
    found, _ = maps.decode_normals(pixels)
    np.testing.assert_allclose(found[:, 30:].mean((0, 1)), (-1, 0, 0), atol=0.01)
    np.testing.assert_allclose(found[:, :30].mean((0, 1)), (0, 0, 1), atol=0.01)


@given(st.integers(1, 40), st.integers(1, 40), st.integers(-20, 20), st.integers(-20, 20))
def test_an_unscaled_view_of_a_label_is_a_slice(h: int, w: int, top: int, left: int) -> None:
    values = np.arange(30 * 20, dtype=np.float32).reshape(30, 20)
    found = render_map(values, View(left, top, w, h), (h, w), np.full((1, 1), -1, np.float32))
    padded = np.pad(values, 60, constant_values=-1)
    np.testing.assert_array_equal(found, padded[60 + top : 60 + top + h, 60 + left : 60 + left + w])


def test_a_missing_label_file_is_told(tmp_path: Path) -> None:
    files = MapFiles([str(tmp_path / "none.png")], SEG)
    with pytest.raises(DataError, match="no such file"):
        files.read(0, 4, 4)
