"""Adience: folds are splits, no subject stands on both sides, unknown cells stay empty."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from mtlcli.data import manifest
from mtlcli.data.preparers.adience import Adience
from mtlcli.errors import DataError, UsageError

HEADER = "user_id\toriginal_image\tface_id\tage\tgender\tx\ty\tdx\tdy\ttilt_ang\tfiducial_yaw_angle\tfiducial_score"  # noqa: E501
AGES = ("(0, 2)", "(4, 6)", "(8, 12)", "(15, 20)", "(25, 32)", "(38, 43)", "(48, 53)", "(60, 100)")
TAIL = "\t0\t414\t1086\t1383\t-115\t30\t17"


def text(user: str, image: str, number: int, age: str, gender: str) -> str:
    return f"{user}\t{image}\t{number}\t{age}\t{gender}{TAIL}"


@pytest.fixture
def root(tmp_path: Path, face: Callable[..., Path]) -> Path:
    folder = tmp_path / "Adience"
    for fold in range(5):
        user = f"{fold}@N0{fold}"
        lines = [text(user, "ü b.jpg", k, age, "fm"[k % 2]) for k, age in enumerate(AGES)]
        lines += [text(user, "ü b.jpg", 8, "None", "u"), text(user, "ü b.jpg", 9, "(27, 32)", "m"),
                  text(user, "gone.jpg", 1, "(4, 6)", "f"), text("0@N00", "c.jpg", 50 + fold,
                  "(4, 6)", "u"), "malformed"]  # fmt: skip
        path = folder / f"fold_{fold}_data.txt"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes("\r\n".join([HEADER, *lines, ""]).encode())
        for number in range(10):
            face(folder / "aligned" / user / f"landmark_aligned_face.{number}.ü b.jpg")
            face(folder / "faces" / user / f"coarse_tilt_aligned_face.{number}.ü b.jpg")
        face(folder / "aligned" / "0@N00" / f"landmark_aligned_face.{50 + fold}.c.jpg")
    return folder


def rows(fold: int) -> list[str]:
    user = f"{fold}@N0{fold}"
    names = [age.strip("()").replace(", ", "-") for age in AGES]
    found = [
        f"aligned/{user}/landmark_aligned_face.{k}.ü b.jpg,{user},{('female', 'male')[k % 2]},{age}"
        for k, age in enumerate(names)
    ]
    return [*found, f"aligned/{user}/landmark_aligned_face.9.ü b.jpg,{user},male,"]


def test_the_rows(root: Path, prepared: Callable[..., Any]) -> None:
    made = prepared("adience", root)
    shared = [
        f"aligned/0@N00/landmark_aligned_face.{50 + fold}.c.jpg,0@N00,,4-6" for fold in range(5)
    ]
    assert made.lines("val") == rows(3)
    assert made.lines("test") == [*rows(4), shared[4]]
    # the subject of fold 0 has a row in fold 4, so that all the others are left out
    assert sorted(made.lines("train")) == sorted(rows(1) + rows(2))
    assert made.report.left_out == {"its subject stands in another split": 9 + 1 + 4}
    reason = "neither its gender nor its age is known: None"
    assert made.bad() == {
        **{f"fold_{k}_data.txt line 14": "a line has user, image, face, age and gender, with tabs "
           "between: malformed" for k in range(5)},
        **{f"aligned/{k}@N0{k}/landmark_aligned_face.8.ü b.jpg": reason for k in range(5)},
        **{f"aligned/{k}@N0{k}/landmark_aligned_face.1.gone.jpg": "there is no such file"
           for k in range(1, 5)},
    }  # fmt: skip
    columns = manifest.load(made.path).columns
    assert columns["gender"].classes == ("female", "male")
    assert columns["age"].classes[0] == "0-2" and len(columns["age"].classes) == 8


def test_no_subject_is_in_two_splits(root: Path) -> None:
    for test in range(5):
        made = Adience(root, root / "out", test=test, val=3 if test == 4 else 4)
        items = made.scan().items
        where: dict[str, set[str]] = {}
        for item, split in zip(items, made.split(items, 0), strict=True):
            where.setdefault(item.group, set()).add(split)
        assert all(len(splits) == 1 for splits in where.values())
        assert set().union(*where.values()) == {"train", "val", "test"}


def test_near_ages_and_the_other_crops(root: Path) -> None:
    items = Adience(root, root / "out", ages="near", faces="faces").scan().items
    near = {item.labels["age"] for item in items if ".9." in item.image}
    assert near == {"25-32"}
    assert all(item.image.startswith("faces/") for item in items)
    assert "coarse_tilt_aligned_face." in items[0].image


@pytest.mark.parametrize(("test", "val"), [(5, 0), (0, -1), (2, 2)])
def test_folds_that_are_none(tmp_path: Path, test: int, val: int) -> None:
    with pytest.raises(UsageError, match="two different folds"):
        Adience(tmp_path, tmp_path, test=test, val=val)


def test_missing_files(root: Path) -> None:
    (root / "fold_2_data.txt").unlink()
    with pytest.raises(DataError, match="talhassner") as refused:
        Adience(root, root / "out").scan()
    assert "fold_2_data.txt" in str(refused.value)
