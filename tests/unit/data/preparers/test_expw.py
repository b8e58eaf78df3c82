"""ExpW: a row per face of a photograph, whose name is no key."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, seed
from hypothesis import strategies as st

from mtlcli.data.preparers import emotions
from mtlcli.data.preparers.expw import ExpW, parse_line
from mtlcli.errors import DataError, UsageError

LINES = [
    "two faces.jpg 0 2 3 13 12 60.5 3",
    "two faces.jpg 1 4 20 33 14 31.25 0",
    "Grüße.jpg 0 -2 -3 20 22 50 6",
    "gone.jpg 0 1 1 9 9 50 1",
    "outside.jpg 0 1 500 509 9 50 1",
    "two faces.jpg 1 4 20 33 14 31.25 0",
    "../escape.jpg 0 1 1 9 9 50 1",
    "short.jpg 0 1 1 9",
    "x.jpg 0 1 1 9 9 50 7",
    "x.jpg 0 1 1 nine 9 50 1",
    "x.jpg 0 9 1 9 9 50 1",
]


@pytest.fixture
def root(tmp_path: Path, face: Callable[..., Path]) -> Path:
    folder = tmp_path / "ExpW"
    for name in ("two faces.jpg", "Grüße.jpg", "outside.jpg"):
        face(folder / "image" / "origin" / name)
    for number in range(9):
        face(folder / "image" / "origin" / f"more{number}.jpg")
    lines = [*LINES, *(f"more{n}.jpg 0 2 2 12 12 40 {n % 7}" for n in range(9))]
    (folder / "label").mkdir()
    text = "\r\n".join([*lines, "", ""])
    (folder / "label" / "label.lst").write_bytes(text.encode())
    return folder


def test_the_rows(root: Path, prepared: Callable[..., Any]) -> None:
    made = prepared("expw", root)
    more = [
        f"image/origin/more{n}.jpg,2,2,12,12,more{n}.jpg,{emotions.SEVEN[n % 7]}" for n in range(9)
    ]
    assert made.every() == sorted([
        "image/origin/two faces.jpg,3,2,13,12,two faces.jpg,happiness",
        "image/origin/two faces.jpg,20,4,33,14,two faces.jpg,anger",
        "image/origin/Grüße.jpg,-3,-2,20,22,Grüße.jpg,neutral",
        *more,
    ])  # fmt: skip
    together = [split for split in made.report.rows
                if any("two faces" in line for line in made.lines(split))]  # fmt: skip
    assert len(together) == 1
    assert made.bad() == {
        "label.lst line 7": "its file name leaves the folder of the pictures: ../escape.jpg",
        "label.lst line 8": "a line has 8 fields, not 5: short.jpg 0 1 1 9",
        "label.lst line 9": "an emotion is a number from 0 to 6: 7",
        "label.lst line 10": "a box is four numbers and a confidence: 1 1 nine 9 50",
        "label.lst line 11": "the box is empty: face 0 of x.jpg",
        "image/origin/two faces.jpg": "this face is listed twice",
        "image/origin/gone.jpg": "there is no such file",
        "image/origin/outside.jpg": "the box is outside the picture: 500,1,509,9 of 40 x 32",
    }


def test_unsure_boxes_are_left_out_by_choice(root: Path) -> None:
    found = ExpW(root, root, confidence=45).scan()
    assert {item.image for item in found.items} == {
        "image/origin/two faces.jpg", "image/origin/Grüße.jpg", "image/origin/gone.jpg",
        "image/origin/outside.jpg",
    }  # fmt: skip
    assert found.left_out == {"box less sure than 45": 11}
    with pytest.raises(UsageError, match="confidence"):
        ExpW(root, root, confidence=-1)


def test_missing_files(root: Path) -> None:
    (root / "label" / "label.lst").unlink()
    with pytest.raises(DataError, match="socialrelation"):
        ExpW(root, root).scan()


names = st.text(st.characters(exclude_categories=("Cs", "Cc", "Z")), min_size=1)
words = st.text(max_size=60)


@seed(0)
@given(names, st.tuples(*[st.integers(-50, 5000)] * 4), st.integers(0, 6), st.floats(0, 100))
def test_a_sound_line_comes_back(
    name: str, box: tuple[int, int, int, int], emotion: int, sure: float
) -> None:
    top, left, right, bottom = box
    found = parse_line(f"{name} 0 {top} {left} {right} {bottom} {sure} {emotion}")
    sound = left < right and top < bottom and "\\" not in name and not name.startswith("/")
    if sound and ".." not in name.split("/"):
        assert found == (name, (left, top, right, bottom), emotions.SEVEN[emotion], sure)
    else:
        assert isinstance(found, str)


@seed(0)
@given(words)
def test_any_line_is_a_row_or_a_reason(line: str) -> None:
    found = parse_line(line)
    assert isinstance(found, str) or (found[1][0] < found[1][2] and found[2] in emotions.SEVEN)
