"""A folder per class, with and without folders of splits."""

from pathlib import Path

import pytest

from mtlcli.data.preparers.folder import Folder
from mtlcli.errors import DataError, UsageError


def _touch(root: Path, *names: str) -> Path:
    for name in names:
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).touch()
    return root


def test_classes_are_the_folders(tmp_path: Path) -> None:
    root = _touch(
        tmp_path, "rose/1.jpg", "rose/deep/2.PNG", "daisy/1.jpeg", "daisy/notes.txt",
        "daisy/.hidden.jpg", ".git/x.jpg", "top.jpg",
    )  # fmt: skip
    made = Folder(root, tmp_path, task="species")
    items = made.scan().items
    assert [(i.image, i.labels["species"], i.split) for i in items] == [
        ("daisy/1.jpeg", "daisy", ""), ("rose/1.jpg", "rose", ""), ("rose/deep/2.PNG", "rose", ""),
    ]  # fmt: skip
    assert made.columns()["species"].classes == ("daisy", "rose")


@pytest.mark.parametrize("val", ["val", "valid", "Validation"])
def test_splits_may_stand_above_the_classes(tmp_path: Path, val: str) -> None:
    root = _touch(tmp_path, "train/a/1.jpg", "train/b/2.jpg", f"{val}/a/3.jpg", "test/b/4.jpg")
    items = Folder(root, tmp_path).scan().items
    assert {(i.split, i.labels["label"]) for i in items} == {
        ("train", "a"), ("train", "b"), ("val", "a"), ("test", "b"),
    }  # fmt: skip


def test_a_class_may_be_called_like_a_split(tmp_path: Path) -> None:
    root = _touch(tmp_path, "test/1.jpg", "real/2.jpg")
    assert {i.labels["label"] for i in Folder(root, tmp_path).scan().items} == {"test", "real"}


@pytest.mark.parametrize("names", [(), ("a/1.jpg",), ("1.jpg", "2.jpg")])
def test_fewer_than_two_classes_are_refused_with_the_layout(
    tmp_path: Path, names: tuple[str, ...]
) -> None:
    with pytest.raises(DataError, match="DIR/CLASS"):
        Folder(_touch(tmp_path, *names), tmp_path).scan()


def test_no_folder_is_refused(tmp_path: Path) -> None:
    for root in (None, tmp_path / "none"):
        with pytest.raises(DataError, match="no folder"):
            Folder(root, tmp_path).scan()


@pytest.mark.parametrize("task", ["image", "two words", ""])
def test_the_column_needs_a_name(tmp_path: Path, task: str) -> None:
    with pytest.raises(UsageError, match="--task"):
        Folder(tmp_path, tmp_path, task=task)
