"""FER2013: the official splits, from the CSV and from folders exported from it."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from mtlcli.data import manifest
from mtlcli.data.preparers import emotions
from mtlcli.data.preparers.fer2013 import Fer2013

USAGES = ("Training", "PublicTest", "PrivateTest")


def write_csv(path: Path, rows: list[tuple[str, str]]) -> list[np.ndarray]:
    """A CSV of random pictures; the pictures."""
    drawn = list(np.random.default_rng(1).integers(0, 256, (len(rows), 48, 48), np.uint8))
    lines = [
        f"{emotion},{' '.join(map(str, one.ravel().tolist()))},{usage}"
        for (emotion, usage), one in zip(rows, drawn, strict=True)
    ]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("\r\n".join(["emotion,pixels,Usage", *lines, ""]))
    return drawn


def test_the_csv(tmp_path: Path, prepared: Callable[..., Any]) -> None:
    rows = [(str(n % 7), USAGES[n % 3]) for n in range(9)] + [("7", "Training"), ("0", "Test")]
    drawn = write_csv(tmp_path / "raw" / "fer2013.csv", rows)
    made = prepared("fer2013", tmp_path / "raw")
    for k, split in enumerate(("train", "val", "test")):
        assert made.lines(split) == [
            f"images/fer{n:07d}.png,{emotions.SEVEN[n % 7]}" for n in range(k, 9, 3)
        ]
    for number in range(9):
        with Image.open(made.path / "images" / f"fer{number:07d}.png") as picture:
            np.testing.assert_array_equal(np.asarray(picture), drawn[number])
    assert made.bad() == {
        "fer2013.csv row 10": "an emotion is a number from 0 to 6: '7'",
        "fer2013.csv row 11": "Usage is none of Training, PublicTest, PrivateTest: 'Test'",
    }
    dataset = manifest.load(made.path)
    assert dataset.columns["emotion"].classes == emotions.SEVEN
    assert (dataset.images, bool(dataset.licence), len(dataset.sources)) == ("faces", True, 1)


def test_a_second_run_does_nothing_and_a_changed_csv_is_read_again(
    tmp_path: Path, prepared: Callable[..., Any]
) -> None:
    rows = [(str(n), USAGES[n % 3]) for n in range(7)]
    write_csv(tmp_path / "raw" / "fer2013.csv", rows)
    assert prepared("fer2013", tmp_path / "raw").report.state == "made"
    assert prepared("fer2013", tmp_path / "raw").report.state == "already there"
    write_csv(tmp_path / "raw" / "fer2013.csv", [*rows, ("3", "Training")])
    assert prepared("fer2013", tmp_path / "raw").report.rows["train"] == 4


@pytest.mark.parametrize(
    ("folders", "classes"),
    [
        (USAGES, [str(n) for n in range(7)]),
        (
            ("train", "validation", "test"),
            ["angry", "disgust", "fear", "happy", "sad", "surprise", "neutral"],
        ),
    ],
)
def test_folders(
    tmp_path: Path, face: Callable[..., Path], prepared: Callable[..., Any],
    folders: tuple[str, ...], classes: list[str],
) -> None:  # fmt: skip
    root = tmp_path / "raw"
    for folder in folders:
        for name in classes:
            face(root / folder / name / "ä 1.jpg", (48, 48))
    face(root / folders[0] / "bored" / "1.jpg")
    face(root / "elsewhere" / "0" / "1.jpg")
    made = prepared("fer2013", root)
    for folder, split in zip(folders, ("train", "val", "test"), strict=True):
        assert sorted(made.lines(split)) == sorted(
            f"{folder}/{name}/ä 1.jpg,{emotions.SEVEN[k]}" for k, name in enumerate(classes)
        )
    assert made.bad() == {f"{folders[0]}/bored/1.jpg": "no emotion is called so: bored"}
    assert not (made.path / "images").exists()


def test_without_val_a_tenth_of_train_is_cut(tmp_path: Path, face: Callable[..., Path]) -> None:
    for split, count in (("train", 40), ("test", 4)):
        for number in range(count):
            face(tmp_path / split / "happy" / f"{number}.jpg")
    made = Fer2013(tmp_path, tmp_path / "out")
    items = made.scan().items
    splits = made.split(items, 0)
    assert {s: splits.count(s) for s in set(splits)} == {"train": 36, "val": 4, "test": 4}
