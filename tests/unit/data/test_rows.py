"""Rows give the same picture whoever asks, name bad ones, and hold no Python object per row."""

import gc
import pickle
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from mtlcli.data.decode import read_rgb
from mtlcli.data.geometry import Framing, input_view
from mtlcli.data.rows import Paths, Rows, from_frames
from mtlcli.data.tables import LabelArrays
from mtlcli.data.transforms import Augment

CHANGES = Augment(scale=(0.8, 1.1), shift=0.1, brightness=0.2, saturation=0.2, erase=0.3)


def label(values: list[int], present: list[bool] | None = None) -> LabelArrays:
    return LabelArrays(np.array(values), np.array(present or [True] * len(values)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    rng = np.random.default_rng(0)
    for number in range(6):
        pixels = rng.integers(0, 256, (48 + number, 40, 3), np.uint8)
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return tmp_path


def rows(folder: Path, names: list[str] | None = None, **options: object) -> Rows:
    names = names or [f"{number}.png" for number in range(6)]
    labels = {"a": label(list(range(len(names))))}
    return Rows(folder, names, labels, Framing((16, 16), 0.2), **options)


@pytest.mark.parametrize(
    "names", [[], ["a"], ["a", "", "Grüße/日本 🙂.jpg", "\udce9.jpg", "x" * 999]]
)
def test_paths_come_back(names: list[str]) -> None:
    paths = Paths(names)
    assert len(paths) == len(names)
    assert [paths[i] for i in range(len(names))] == names


def test_the_image_of_evaluation_is_that_of_prediction(folder: Path) -> None:
    boxes = np.array([[2, 3, 30, 40]] * 6, np.float32)
    boxes[1] = np.nan
    split = rows(folder, boxes=boxes)
    for index, box in ((0, boxes[0].tolist()), (1, None)):
        expected = input_view(read_rgb(folder / f"{index}.png"), box, Framing((16, 16), 0.2))
        np.testing.assert_array_equal(
            split.sample(3, index).image.permute(1, 2, 0).numpy(), expected
        )


def test_augmentation_without_changes_is_evaluation(folder: Path) -> None:
    plain, none = rows(folder), rows(folder, augment=Augment.none())
    assert torch.equal(plain.sample(0, 2).image, none.sample(0, 2).image)


def test_a_sample_depends_on_seed_epoch_and_row_alone(folder: Path) -> None:
    split = rows(folder, augment=CHANGES, seed=1)
    first = split.sample(4, 2).image
    split.sample(0, 0)
    torch.rand(3)
    np.random.rand(3)
    assert torch.equal(first, rows(folder, augment=CHANGES, seed=1).sample(4, 2).image)
    assert not torch.equal(first, split.sample(5, 2).image)
    assert not torch.equal(first, rows(folder, augment=CHANGES, seed=2).sample(4, 2).image)


def test_a_batch_keeps_pictures_labels_and_rows_together(folder: Path) -> None:
    split = Rows(
        folder, [f"{i}.png" for i in range(6)],
        {"a": label([10, 11, 12, 13, 14, 15]), "b": label([0] * 6, [True, False] * 3)},
        Framing((16, 16)),
    )  # fmt: skip
    made = split.batch(split[0, np.array([4, 1])][0], step=7)
    assert made.images.shape == (2, 3, 16, 16)
    assert made.images.dtype == torch.uint8
    assert made.images.is_contiguous()
    assert torch.equal(made.images[1], split.sample(0, 1).image)
    assert made.index.tolist() == [4, 1]
    assert made.targets["a"].tolist() == [14, 11]
    assert made.weights["b"].tolist() == [1.0, 0.0]
    assert made.weights["b"].dtype == torch.float32
    assert made.step == 7


def test_bad_pictures_are_left_out_and_named(folder: Path) -> None:
    (folder / "1.png").write_bytes(b"")
    (folder / "3.png").write_bytes((folder / "3.png").read_bytes()[:2000])
    boxes = np.array([[2, 3, 30, 40]] * 5 + [[500, 500, 600, 600]], np.float32)
    split = rows(folder, ["0.png", "1.png", "none.png", "3.png", "4.png", "5.png"], boxes=boxes)
    made = split.batch(split[0, np.arange(6)][0])
    assert made.index.tolist() == [0, 4]
    assert made.targets["a"].tolist() == [0, 4]
    assert torch.equal(made.images[1], split.sample(0, 4).image)
    assert [row for row, _ in made.bad] == [1, 2, 3, 5]
    for (_, reason), word in zip(
        made.bad, ["empty", "no such file", "cut off", "outside"], strict=True
    ):
        assert word in reason
    assert str(folder / "1.png") in made.bad[0][1]


def test_reduced_decoding_moves_the_box_with_the_picture(tmp_path: Path) -> None:
    y, x = np.mgrid[:800, :1200]
    pixels = np.stack([x / 5, y / 5, x * 0 + 50], axis=2).astype(np.uint8)
    Image.fromarray(pixels).save(tmp_path / "a.jpg", quality=95)
    box = np.array([[200, 300, 700, 800]], np.float32)
    full, reduced = (
        Rows(tmp_path, ["a.jpg"], {}, Framing((64, 64), reduced=r), boxes=box)
        .sample(0, 0)
        .image.int()
        for r in (False, True)
    )
    assert (full - reduced).abs().max() <= 3
    assert not torch.equal(full, reduced)


def test_lengths_must_agree(folder: Path) -> None:
    with pytest.raises(ValueError, match="lengths"):
        Rows(folder, ["a", "b"], {"a": label([1])}, Framing((8, 8)))
    with pytest.raises(ValueError, match="lengths"):
        rows(folder, boxes=np.zeros((5, 4)))


def test_rows_hold_no_object_per_row(folder: Path) -> None:
    def held(count: int) -> int:
        split = rows(folder, ["name.png"] * count, boxes=np.zeros((count, 4)))
        seen: list[object] = [split]
        known = {id(split)}
        for thing in seen:
            fresh = [x for x in gc.get_referents(thing) if not isinstance(x, type)]
            seen += [x for x in fresh if id(x) not in known and not callable(x)]
            known |= {id(x) for x in fresh}
        return len(seen)

    assert held(1000) <= held(10) + 5


def test_rows_can_be_pickled(folder: Path) -> None:
    split = rows(folder, augment=CHANGES)
    assert torch.equal(
        pickle.loads(pickle.dumps(split)).sample(1, 2).image, split.sample(1, 2).image
    )


def test_rows_of_two_datasets(tmp_path: Path) -> None:
    def encode(cells: object) -> LabelArrays:
        return LabelArrays(np.array([len(c) for c in cells]), np.array([c != "" for c in cells]))

    boxed = {"image": ["x.png"], "x_min": "1", "y_min": "2", "x_max": "3", "y_max": "4", "n": "ab"}
    sources = [
        (tmp_path / "one", pd.DataFrame({"image": ["a.png", "b.png"], "n": ["a", ""]})),
        (tmp_path / "two", pd.DataFrame(boxed)),
        (tmp_path / "three", pd.DataFrame({"image": ["y.png"]})),
    ]
    split = from_frames(sources, {"task": ("n", encode)}, Framing((16, 16), 0.1, "pad"))
    assert [split.path(i) for i in range(4)] == [
        str(tmp_path / name) for name in ("one/a.png", "one/b.png", "two/x.png", "three/y.png")
    ]
    assert [split.box(i) for i in range(4)] == [None, None, [1, 2, 3, 4], None]
    assert split.labels["task"].values.tolist() == [1, 0, 2, 0]
    assert split.labels["task"].present.tolist() == [True, False, True, False]
    assert split.framing == Framing((16, 16), 0.1, "pad")
