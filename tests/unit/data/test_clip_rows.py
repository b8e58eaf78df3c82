"""A clip is one sample: its frames share one look, whoever reads them."""

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mtlcli.data.geometry import Framing
from mtlcli.data.loader import eval_loader, train_loader
from mtlcli.data.rows import Rows
from mtlcli.data.tables import LabelArrays
from mtlcli.data.transforms import Augment

CHANGES = Augment(
    flip=0.5, scale=(0.7, 1.1), shift=0.2, rotate=10, brightness=0.3, contrast=0.3,
    saturation=0.3, gray=0.2, erase=0.5,
)  # fmt: skip
CLIPS = 7


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Clips of 5 to 11 frames; clip 0 shows the same picture all the time."""
    root = tmp_path_factory.mktemp("clips")
    rng = np.random.default_rng(0)
    for number in range(CLIPS):
        (root / f"{number}").mkdir()
        for index in range(5 + number):
            seed = np.random.default_rng(1) if number == 0 else rng
            pixels = seed.integers(0, 256, (20, 24, 3), np.uint8)
            Image.fromarray(pixels).save(root / f"{number}" / f"{index}.png")
    return root


def rows(folder: Path, *, frames: int = 4, **options: object) -> Rows:
    names = options.pop("names", [f"{number}" for number in range(CLIPS)])
    label = LabelArrays(np.arange(len(names)), np.ones(len(names), bool))
    sampling = options.pop("sampling", "random")
    framing = Framing((16, 16), frames=frames, sampling=sampling)
    return Rows(folder, names, {"a": label}, framing, **options)


def test_a_batch_of_clips(folder: Path) -> None:
    split = rows(folder)
    (pixels,) = split[0, np.array([3, 1])]
    batch = split.batch(pixels)
    assert batch.images.shape == (2, 4, 3, 16, 16) and batch.images.dtype == torch.uint8
    assert batch.targets["a"].tolist() == [3, 1]
    assert [part.images.shape[0] for part in batch.parts(2)] == [1, 1]


@settings(max_examples=25, deadline=None)
@given(epoch=st.integers(0, 10**6), seed=st.integers(0, 10**6))
def test_all_frames_are_changed_alike(folder: Path, epoch: int, seed: int) -> None:
    """Where every frame is the same picture, every frame stays so, and is that picture's sample."""
    clip = rows(folder, augment=CHANGES, seed=seed).sample(epoch, 0).image
    assert all(torch.equal(frame, clip[0]) for frame in clip)
    still = rows(folder, frames=1, augment=CHANGES, seed=seed).sample(epoch, 0).image
    assert (clip[0].int() - still.int()).abs().max() <= 1  # means of floats in another order


def test_frames_of_evaluation_are_the_pictures_alone(folder: Path) -> None:
    clip = rows(folder, sampling="start").sample(0, 2).image
    names = [f"2/{index}.png" for index in range(4)]
    alone = rows(folder, frames=1, names=names)
    for index in range(4):
        assert torch.equal(clip[index], alone.sample(0, index).image)


def test_one_frame_of_a_clip_is_its_middle(folder: Path) -> None:
    still = rows(folder, frames=1).sample(0, 4).image
    assert still.shape == (3, 16, 16)
    assert torch.equal(still, rows(folder, frames=1, names=["4/4.png"]).sample(0, 0).image)


def test_training_sees_other_frames_each_epoch_and_evaluation_the_same(folder: Path) -> None:
    training = rows(folder, augment=Augment.none())
    first = [training.sample(epoch, 6).image for epoch in range(6)]
    assert any(not torch.equal(one, first[0]) for one in first)
    scored = rows(folder)
    assert torch.equal(scored.sample(0, 6).image, scored.sample(5, 6).image)


def test_a_box_counts_for_every_frame(folder: Path) -> None:
    boxes = np.array([[4, 4, 12, 12]] * CLIPS, np.float32)
    boxed = rows(folder, boxes=boxes).sample(0, 3).image
    assert boxed.shape == (4, 3, 16, 16)
    assert not torch.equal(boxed, rows(folder).sample(0, 3).image)


@pytest.mark.parametrize("workers", [1, 2])
def test_worker_processes_change_nothing(folder: Path, workers: int) -> None:
    split = rows(folder, augment=CHANGES)

    def images(count: int) -> list[torch.Tensor]:
        loader = train_loader(split, batch=3, seed=0, workers=count, drop_last=False)
        return [batch.images for batch in loader.epoch(2)]

    for one, many in zip(images(0), images(workers), strict=True):
        assert torch.equal(one, many)


def test_bad_clips_are_named_and_the_others_go_on(folder: Path, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "uneven").mkdir()
    for index, size in enumerate([(8, 8), (8, 9)]):
        Image.new("RGB", size).save(tmp_path / "uneven" / f"{index}.png")
    names = [str(folder / "1"), str(tmp_path / "empty"), str(tmp_path / "uneven"), "gone"]
    (batch,) = eval_loader(rows(folder, names=names), batch=4, workers=0)
    assert batch.index.tolist() == [0]
    said = dict(batch.bad)
    assert "the clip has no frames" in said[1] and "empty" in said[1]
    assert "different sizes: 8 x 8, and here 8 x 9" in said[2] and "1.png" in said[2]
    assert "no such file" in said[3]
