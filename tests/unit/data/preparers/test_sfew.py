"""SFEW: official splits, the aligned faces before the frames, films kept together."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtlcli.data.preparers.sfew import Sfew

FOLDERS = ("Angry", "Disgust", "Fear", "Happy", "Sad", "Surprise", "Neutral")


@pytest.fixture
def root(tmp_path: Path, face: Callable[..., Path]) -> Path:
    folder = tmp_path / "SFEW"
    for split, films in (("Train", ("Größe", "Bee", "Cee", "Dee", "Eff")), ("Val", ("Bee",))):
        for name in FOLDERS:
            for number, film in enumerate(films):
                file = f"{film}_00012{number}000_00000001.png"
                face(folder / split / f"{split}_Aligned_Faces" / name / file)
                face(folder / split / name / file)
    face(folder / "Test" / "Test_Aligned_Faces" / "Angry" / "a.png")
    face(folder / "Train" / "Train_Aligned_Faces" / "Bored" / "a.png")
    return folder


def test_the_rows(root: Path, prepared: Callable[..., Any], capsys: Any) -> None:
    made = prepared("sfew", root)
    assert made.report.rows == {"train": 35, "val": 7}
    angry = [line for line in made.lines("train") if "/Angry/" in line]
    assert angry == [
        f"Train/Train_Aligned_Faces/Angry/{film}_00012{n}000_00000001.png,{film},anger"
        for n, film in sorted(enumerate(("Größe", "Bee", "Cee", "Dee", "Eff")), key=lambda x: x[1])
    ]
    assert made.lines("val") == [
        f"Val/Val_Aligned_Faces/{folder}/Bee_000120000_00000001.png,Bee,{emotion}"
        for folder, emotion in sorted({
            "Angry": "anger", "Disgust": "disgust", "Fear": "fear", "Happy": "happiness",
            "Sad": "sadness", "Surprise": "surprise", "Neutral": "neutral",
        }.items())
    ]  # fmt: skip
    assert made.bad() == {"Train/Train_Aligned_Faces/Bored/a.png": "no emotion is called so: Bored"}
    assert "no row is in test" in capsys.readouterr().err


def test_val_can_be_kept_for_the_end(root: Path, face: Callable[..., Path]) -> None:
    for number in range(40):
        folder = root / "Train" / "Train_Aligned_Faces" / "Happy"
        face(folder / f"Film{number // 2}_00000{number}000_00000001.png")
    made = Sfew(root, root, val="test")
    items = made.scan().items
    splits = made.split(items, 0)
    where: dict[str, set[str]] = {"train": set(), "val": set(), "test": set()}
    for item, split in zip(items, splits, strict=True):
        where[split].add(item.group)
        assert (split == "test") == item.image.startswith("Val")
    assert where["train"] and where["val"] and not where["train"] & where["val"]
    assert where["test"] == {"Bee"}


def test_archives_unpacked_beside_each_other(tmp_path: Path, face: Callable[..., Path]) -> None:
    for folder in ("Train_Aligned_Faces", "Val_Aligned_Faces_new", "Test_Aligned_Faces"):
        face(tmp_path / folder / "Angry" / "Bee_000120000_00000001.png")
    items = Sfew(tmp_path, tmp_path).scan().items
    assert [(Path(item.image).parts[0], item.split, item.group) for item in items] == [
        ("Train_Aligned_Faces", "train", "Bee"), ("Val_Aligned_Faces_new", "val", "Bee"),
    ]  # fmt: skip


@pytest.mark.parametrize(
    ("faces", "folder"),
    [("auto", "Train_Aligned_Faces"), ("aligned", "Train_Aligned_Faces"), ("frames", "Train")],
)
def test_faces_and_frames_are_never_mixed(root: Path, faces: Any, folder: str) -> None:
    train = [i.image for i in Sfew(root, root, faces=faces).scan().items if i.split == "train"]
    assert len(train) == 35
    assert all(Path(image).parts[-3] == folder for image in train)
