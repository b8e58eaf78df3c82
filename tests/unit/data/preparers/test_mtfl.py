"""MTFL: published orders by name, Windows paths, and whose left is meant."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from mtlcli.data import manifest
from mtlcli.data.preparers import poses
from mtlcli.data.preparers.mtfl import CLASSES, Line, Mtfl, parse_line, square
from mtlcli.errors import DataError

#: pose's number → where the nose stands, in pixels from the middle of the eyes, if left is the
#: picture's.
NOSES = {1: -6, 2: -3, 3: 0, 4: 3, 5: 6}


def text(path: str, pose: int, *, side: int = 1, gender: int = 1, smile: int = 1,
         glasses: int = 2) -> str:  # fmt: skip
    nose = 20 + side * NOSES[pose]
    xs, ys = f"15 25 {nose} 16.5 23.5", "10 10 15 20 20"
    return f" {path} {xs} {ys} {gender} {smile} {glasses} {pose}"


def lists(root: Path, train: list[str], test: list[str]) -> None:
    root.mkdir(parents=True, exist_ok=True)
    for name, lines in (("training.txt", train), ("testing.txt", test)):
        (root / name).write_bytes("\r\n".join([*lines, " ", ""]).encode())


def test_the_rows(tmp_path: Path, face: Callable[..., Path], prepared: Callable[..., Any]) -> None:
    root = tmp_path / "MTFL"
    train, expected = [], []
    for k in range(20):
        name = f"lfw_5590\\Person_{k // 2}_00{k:02d}.jpg" if k % 2 else f"net_7876\\ü_{k}.jpg"
        face(root / name.replace("\\", "/"))
        pose = k % 5 + 1
        train.append(text(name, pose, gender=k % 2 + 1, smile=k % 2 + 1, glasses=k % 2 + 1))
        labels = [CLASSES[c][k % 2] for c in ("gender", "smile", "glasses")]
        group = f"Person_{k // 2}" if k % 2 else ""
        box = {1: "7,3,32,27", 5: "8,3,33,27"}.get(pose, "9,4,31,26")  # the nose sticks out
        expected.append(f"{name},{box},{group},{','.join(labels)},{CLASSES['pose'][pose - 1]}")
    face(root / "AFLW" / "1.jpg")
    train += ["lfw_5590\\a.jpg 1 2", text("..\\..\\a.jpg", 1), text("gone.jpg", 3)]
    wrong = text("AFLW\\1.jpg", 4).replace(" 4", " 6")
    lists(root, train, [text("AFLW\\1.jpg", 5, gender=2), wrong])
    made = prepared("mtfl", root)
    assert made.report.rows == {"train": 18, "val": 2, "test": 1}
    found = sorted(made.lines("train") + made.lines("val"))
    assert found == sorted(line.replace("\\", "/") for line in expected)
    assert made.lines("test") == [
        "AFLW/1.jpg,8,3,33,27,,female,smile,no glasses,right profile"
    ]  # fmt: skip
    assert made.bad() == {
        "training.txt line 21": "a line has 15 fields, not 3: lfw_5590\\a.jpg 1 2",
        "training.txt line 22": "its file name leaves the folder of the pictures: ../../a.jpg",
        "testing.txt line 2": "pose is a number from 1 to 5: 6",
        "gone.jpg": "there is no such file",
    }
    columns = manifest.load(made.path).columns
    assert {name: columns[name].classes for name in CLASSES} == CLASSES
    assert columns["pose"].mirror == poses.MIRROR


@pytest.mark.parametrize(("side", "sides"), [(1, "picture"), (-1, "person")])
def test_left_is_the_pictures_by_the_landmarks(tmp_path: Path, side: int, sides: str) -> None:
    lists(tmp_path, [text(f"{k}.jpg", k % 5 + 1, side=side) for k in range(40)], [])
    made = Mtfl(tmp_path, tmp_path / "out")
    items = made.scan().items
    assert made.settings()["sides"] == sides
    for k, item in enumerate(items):
        shift = side * NOSES[k % 5 + 1]
        name = "left" if shift < 0 else "right" if shift > 0 else "frontal"
        assert item.labels["pose"].startswith(name)
    assert set(made.columns()["pose"].classes) == set(CLASSES["pose"])
    first = made.columns()["pose"].classes[0]
    assert first == ("left profile" if side == 1 else "right profile")


def test_landmarks_that_do_not_tell_are_no_reason_to_swap(tmp_path: Path, capsys: Any) -> None:
    lines = [text(f"{k}.jpg", k % 5 + 1, side=(1, -1)[k % 2]) for k in range(40)]
    lists(tmp_path, lines, [])
    made = Mtfl(tmp_path, tmp_path / "out")
    made.scan()
    assert made.settings()["sides"] == "picture"
    assert "--sides person" in capsys.readouterr().err
    assert Mtfl(tmp_path, tmp_path, sides="person").settings()["sides"] == "person"


def test_whole_pictures(tmp_path: Path) -> None:
    lists(tmp_path, [text("a.jpg", 3)], [])
    assert Mtfl(tmp_path, tmp_path / "out", boxes="none").scan().items[0].box is None


def test_missing_files(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="TCDCN"):
        Mtfl(tmp_path, tmp_path / "out").scan()


places = st.tuples(*[st.tuples(st.floats(-50, 3000), st.floats(-50, 3000))] * 5)


@seed(0)
@given(places)
def test_the_box_is_a_square_about_all_landmarks(points: tuple[tuple[float, float], ...]) -> None:
    left, top, right, bottom = square(points)
    assert abs((right - left) - (bottom - top)) <= 1
    assert all(left - 1 <= x <= right + 1 and top - 1 <= y <= bottom + 1 for x, y in points)


@seed(0)
@given(places, st.tuples(*[st.integers(1, 2)] * 3), st.integers(1, 5))
def test_a_sound_line_comes_back(
    points: tuple[tuple[float, float], ...], two: tuple[int, int, int], pose: int
) -> None:
    xs, ys = zip(*points, strict=True)
    cells = " ".join(map(repr, [*xs, *ys, *two, pose]))
    found = parse_line(f"net_7876\\a b.jpg {cells}")
    numbers = dict(zip(CLASSES, [*two, pose], strict=True))
    labels = {name: CLASSES[name][number - 1] for name, number in numbers.items()}
    assert found == Line("net_7876/a b.jpg", points, labels)


@seed(0)
@given(st.text(max_size=80))
def test_any_line_is_a_row_or_a_reason(line: str) -> None:
    assert isinstance(parse_line(line), str | Line)
