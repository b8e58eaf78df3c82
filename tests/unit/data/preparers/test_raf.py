"""RAF-DB: its own order that counts from 1, aligned faces or photographs with boxes."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtlcli.data import manifest
from mtlcli.data.preparers import emotions
from mtlcli.data.preparers.raf import Raf, parse_line
from mtlcli.errors import DataError, UsageError

LINES = [
    *(f"train_{n:05d}.jpg {n % 7 + 1}" for n in range(30)), "test_0001.jpg 4", "test_0002.jpg 7",
    "train_00099.jpg 8", "train_00098.jpg", "other_1.jpg 1", "../train_1.jpg 1",
    "train_00500.jpg 1",
]  # fmt: skip


@pytest.fixture
def root(tmp_path: Path, face: Callable[..., Path]) -> Path:
    base = tmp_path / "RAF" / "basic"
    (base / "EmoLabel").mkdir(parents=True)
    text = "\r\n".join([*LINES, ""])
    (base / "EmoLabel" / "list_patition_label.txt").write_bytes(text.encode())
    for line in LINES[:32]:
        stem = line.split(".")[0]
        face(base / "Image" / "aligned" / f"{stem}_aligned.jpg")
        face(base / "Image" / "original" / f"{stem}.jpg")
        box = base / "Annotation" / "boundingbox" / f"{stem}_boundingbox.txt"
        box.parent.mkdir(parents=True, exist_ok=True)
        box.write_text("3.2 4.6 20.1 30.0 \r\n")
    return tmp_path / "RAF"


def test_the_rows(root: Path, prepared: Callable[..., Any]) -> None:
    made = prepared("raf", root)
    assert made.report.rows == {"train": 27, "val": 3, "test": 2}
    assert made.lines("test") == [
        "basic/Image/aligned/test_0001_aligned.jpg,happiness",
        "basic/Image/aligned/test_0002_aligned.jpg,neutral",
    ]
    assert sorted(made.lines("train") + made.lines("val")) == [
        f"basic/Image/aligned/train_{n:05d}_aligned.jpg,{emotions.RAF[n % 7]}" for n in range(30)
    ]
    assert made.bad() == {
        "list_patition_label.txt line 33": "an emotion is a number from 1 to 7: 8",
        "list_patition_label.txt line 34": "a line is a file name and a number from 1 to 7: "
        "train_00098.jpg",
        "list_patition_label.txt line 35": "a name begins with train_ or test_: other_1.jpg",
        "list_patition_label.txt line 36": "its file name leaves the folder of the pictures: "
        "../train_1.jpg",
        "basic/Image/aligned/train_00500_aligned.jpg": "there is no such file",
    }
    assert manifest.load(made.path).columns["emotion"].classes == emotions.RAF


def test_photographs_have_boxes(root: Path, prepared: Callable[..., Any]) -> None:
    boxes = root / "basic" / "Annotation" / "boundingbox"
    (boxes / "test_0001_boundingbox.txt").write_text("1 2 3")
    (boxes / "train_00003_boundingbox.txt").unlink()
    made = prepared("raf", root, pictures="original")
    assert made.lines("test") == ["basic/Image/original/test_0002.jpg,3,5,20,30,neutral"]
    assert "basic/Image/original/train_00003.jpg,,,,,happiness" in made.every()
    assert made.bad()["basic/Image/original/test_0001.jpg"] == (
        "its box is not four numbers: test_0001_boundingbox.txt"
    )


def test_a_folder_per_class(
    tmp_path: Path, face: Callable[..., Path], prepared: Callable[..., Any]
) -> None:
    root = tmp_path / "DATASET"
    for number in range(1, 9):
        for split, count in (("train", 3), ("test", 1)):
            for k in range(count):
                face(root / split / str(number) / f"ä{k}.jpg")
    made = prepared("raf", root)
    assert made.lines("test") == [f"test/{n}/ä0.jpg,{emotions.RAF[n - 1]}" for n in range(1, 8)]
    assert len(made.lines("train")) + len(made.lines("val")) == 21
    assert made.bad()["test/8/ä0.jpg"] == "no class is called so: 8"


def test_folders_of_classes_hold_no_photographs(tmp_path: Path, face: Callable[..., Path]) -> None:
    with pytest.raises(DataError, match="whdeng"):
        Raf(tmp_path, tmp_path, pictures="original").scan()
    face(tmp_path / "train" / "1" / "a.jpg")
    with pytest.raises(UsageError, match="--pictures original"):
        Raf(tmp_path, tmp_path, pictures="original").scan()


def test_missing_files(root: Path, tmp_path: Path) -> None:
    with pytest.raises(DataError, match="whdeng"):
        Raf(tmp_path / "nothing", tmp_path).scan()
    (root / "basic" / "Image" / "original").rename(root / "basic" / "Image" / "old")
    with pytest.raises(DataError, match="no folder basic/Image/original"):
        Raf(root, tmp_path, pictures="original").scan()


def test_a_name_may_hold_spaces() -> None:
    assert parse_line("train_a b.jpg 1\t") == ("train_a b.jpg", "surprise", "train")
