"""When a picture is seen as its mirror image, labels that depend on a side follow it.

Every drawn picture is bright on one side; what the label says must always be the side that is
bright in the picture as it is seen, whoever makes it and in whatever step a run begins.
"""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
import torch
from PIL import Image

from mtlcli.data.batch import Batch, Pixels
from mtlcli.data.geometry import Framing
from mtlcli.data.loader import eval_loader, train_loader
from mtlcli.data.rows import Rows, from_frames
from mtlcli.data.transforms import Augment
from mtlcli.io.column import Column
from mtlcli.tasks.classification import Classification
from mtlcli.tasks.regression import Regression

COUNT = 24
NAMES = ("left", "right", "middle")
SIDE = Column("classification", NAMES, mirror=(("left", "right"),))
YAW = Column("regression", low=-90, high=90, mirror="negate")
KEPT = Column("classification", NAMES)
CHANGES = Augment(flip=0.5, shift=0.05, brightness=0.1, rotate=5)


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for number in range(COUNT):
        pixels = np.full((20, 20, 3), 20, np.uint8)
        half = slice(0, 10) if number % 2 else slice(10, 20)
        pixels[:, half] = 150 + number
        Image.fromarray(pixels).save(tmp_path / f"{number}.png")
    return tmp_path


def rows(folder: Path, augment: Augment | None = CHANGES, strong: Augment | None = None) -> Rows:
    sides = ["left" if number % 2 else "right" for number in range(COUNT)]
    frame = pd.DataFrame({
        "image": [f"{number}.png" for number in range(COUNT)],
        "side": ["" if number % 8 == 7 else side for number, side in enumerate(sides)],
        "yaw": [f"{'-' if side == 'left' else ''}{10 + n}" for n, side in enumerate(sides)],
        "kept": sides,
    })  # fmt: skip
    labels = {
        "side": ("side", Classification("side", SIDE).encode),
        "yaw": ("yaw", Regression("yaw", YAW).encode),
        "kept": ("kept", Classification("kept", KEPT).encode),
    }
    sided = {"side": SIDE, "yaw": YAW}
    return from_frames(
        [(folder, frame)], labels, Framing((16, 16)), sided=sided, augment=augment, seed=5,
        strong=strong,
    )  # fmt: skip


def bright_left(batch: Batch) -> torch.Tensor:
    light = batch.images.float().mean((1, 2))
    return light[:, :8].mean(1) > light[:, 8:].mean(1)


def agrees(batch: Batch) -> bool:
    left = bright_left(batch)
    known = batch.weights["side"] > 0
    side = batch.targets["side"] == torch.where(left, 0, 1)
    numbers = batch.targets["yaw"].abs() == 10 + batch.index
    return bool(side[known].all() and ((batch.targets["yaw"] < 0) == left).all() and numbers.all())


def same(ours: Batch, theirs: Batch) -> bool:
    return all(
        torch.equal(a, b)
        for a, b in (
            (ours.index, theirs.index), (ours.mirrored, theirs.mirrored),
            (ours.images, theirs.images), (ours.targets["side"], theirs.targets["side"]),
            (ours.targets["yaw"], theirs.targets["yaw"]),
        )
    )  # fmt: skip


@pytest.mark.parametrize("workers", [0, 2])
def test_labels_tell_what_is_seen(folder: Path, workers: int) -> None:
    loader = train_loader(rows(folder), batch=8, seed=0, workers=workers)
    seen = [batch for epoch in range(3) for batch in loader.epoch(epoch)]
    assert all(agrees(batch) for batch in seen)
    mirrored = torch.cat([batch.mirrored for batch in seen])
    assert mirrored.dtype == torch.bool
    assert 0.2 < float(mirrored.float().mean()) < 0.8
    as_drawn = torch.cat([bright_left(b) == (b.index % 2 == 1) for b in seen])
    assert torch.equal(mirrored, ~as_drawn)


def test_a_label_without_sides_stays(folder: Path) -> None:
    batch = next(train_loader(rows(folder), batch=COUNT, seed=0, workers=0).epoch(0))
    assert batch.mirrored.any()
    assert torch.equal(batch.targets["kept"], torch.where(batch.index % 2 == 1, 0, 1))


def test_workers_and_a_restart_change_nothing(folder: Path) -> None:
    def epoch(workers: int, start: int) -> Iterator[Batch]:
        return train_loader(rows(folder), batch=5, seed=0, workers=workers).epoch(1, start)

    whole = list(epoch(0, 0))
    assert all(same(a, b) for a, b in zip(whole, epoch(2, 0), strict=True))
    assert all(same(a, b) for a, b in zip(whole[2:], epoch(0, 2), strict=True))


@pytest.mark.parametrize("flip", [0.0, 1.0])
def test_always_or_never(folder: Path, flip: float) -> None:
    batch = next(train_loader(rows(folder, Augment(flip=flip)), batch=COUNT, seed=0, workers=0)
                 .epoch(0))  # fmt: skip
    assert batch.mirrored.float().mean() == flip
    assert agrees(batch)


def test_evaluation_mirrors_nothing(folder: Path) -> None:
    for batch in eval_loader(rows(folder, None), batch=5, workers=0):
        assert not batch.mirrored.any()
        assert agrees(batch)


def test_labels_are_not_changed_for_good(folder: Path) -> None:
    split = rows(folder)
    before = split.labels["side"].values.copy(), split.labels["yaw"].values.copy()
    list(train_loader(split, batch=8, seed=0, workers=0).epoch(0))
    np.testing.assert_array_equal(before[0], split.labels["side"].values)
    np.testing.assert_array_equal(before[1], split.labels["yaw"].values)


def test_what_is_mirrored_goes_with_the_batch() -> None:
    images = torch.zeros(4, 3, 2, 2, dtype=torch.uint8)
    batch = Batch(images, {}, {}, torch.arange(4), [])
    assert batch.mirrored.tolist() == [False] * 4
    batch.mirrored = torch.tensor([True, False, False, True])
    assert [part.mirrored.tolist() for part in batch.parts(2)] == [[True, False], [False, True]]
    assert batch.to("cpu").mirrored.tolist() == batch.mirrored.tolist()
    assert Pixels(images, np.arange(4), []).mirrored.tolist() == [False] * 4


@pytest.mark.parametrize("flip", [0.0, 0.5, 1.0])
def test_a_second_view_is_a_mirror_image_where_the_first_is_one(folder: Path, flip: float) -> None:
    """Else what is said of the left side of one would be learnt of the right side of the other."""
    strong = Augment(flip=0.5, shift=0.1, brightness=0.2, rotate=10)
    made = rows(folder, Augment(flip=flip), strong)
    views: list[list[bool]] = []
    for epoch in range(2):
        (pixels,) = made[epoch, np.arange(COUNT)]
        batch = made.batch(pixels)
        for images in (batch.images, batch.more["strong"]):
            halves = images.float().mean((1, 2))
            views.append((halves[:, :8].mean(1) > halves[:, 8:].mean(1)).tolist())
        left = [bool(row % 2) ^ flipped for row, flipped in enumerate(batch.mirrored.tolist())]
        assert views[-2] == left == views[-1]
    assert (views[0] == views[2]) == (flip != 0.5)
