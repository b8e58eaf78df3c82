"""Captions: inside the frame at every place and size, off each other, readable."""

from itertools import combinations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from mtlcli.data import annotate as drawing
from mtlcli.data.annotate import Box, annotate, enlargement, font_for, place

_CAPTION = ["female 0.98", "31 ±5", "happiness 0.77"]


def _overlap(a: Box, b: Box) -> int:
    width = min(a[2], b[2]) - max(a[0], b[0])
    height = min(a[3], b[3]) - max(a[1], b[1])
    return max(0, width) * max(0, height)


def _corners(width: int, height: int, side: int) -> list[Box]:
    return [
        (x, y, x + side, y + side) for x in (0, width - side) for y in (0, height - side)
    ]  # fmt: skip


@pytest.mark.parametrize("size", [(370, 329), (640, 480), (480, 1200), (4000, 3000)])
def test_captions_of_faces_in_all_corners_are_inside_and_apart(size: tuple[int, int]) -> None:
    frames: list[Box | None] = [*_corners(*size, min(size) // 6)]
    labels = place(size, frames, [_CAPTION] * 4, font_for(size, "x"))
    for label in labels:
        assert 0 <= label.box[0] < label.box[2] <= size[0]
        assert 0 <= label.box[1] < label.box[3] <= size[1]
    for a, b in combinations(labels, 2):
        assert _overlap(a.box, b.box) == 0
    for label, frame in zip(labels, frames, strict=True):
        assert frame is not None
        assert _overlap(label.box, frame) == 0


@settings(derandomize=True, deadline=None, max_examples=60)
@given(
    st.integers(200, 2000), st.integers(200, 2000),
    st.lists(st.tuples(*[st.floats(0, 1)] * 4), min_size=1, max_size=6),
)  # fmt: skip
def test_any_caption_is_inside_the_frame(
    width: int, height: int, shares: list[tuple[float, ...]]
) -> None:
    frames: list[Box | None] = []
    for a, b, c, d in shares:
        x, y = int(a * (width - 1)), int(b * (height - 1))
        frames.append((x, y, x + 1 + int(c * (width - x - 1)), y + 1 + int(d * (height - y - 1))))
    for label in place(
        (width, height), frames, [_CAPTION] * len(frames), font_for((width, height), "x")
    ):
        assert 0 <= label.box[0] < label.box[2] <= width
        assert 0 <= label.box[1] < label.box[3] <= height


def test_neighbours_in_a_row_do_not_cover_each_others_captions() -> None:
    size = (1000, 700)
    frames: list[Box | None] = [(x, 300, x + 90, 390) for x in range(20, 950, 100)]
    labels = place(size, frames, [_CAPTION] * len(frames), font_for(size, "x"))
    assert all(_overlap(a.box, b.box) == 0 for a, b in combinations(labels, 2))


def test_a_crowd_gets_captions_that_fit() -> None:
    size = (1920, 1080)
    frames: list[Box | None] = [
        (x, y, x + 60, y + 60) for x in range(20, 1900, 150) for y in range(60, 1000, 150)
    ]
    font = font_for(size, "x", len(frames))
    labels = place(size, frames, [_CAPTION[:2]] * len(frames), font)
    assert all(_overlap(a.box, b.box) == 0 for a, b in combinations(labels, 2))


def test_the_caption_stands_by_its_face() -> None:
    (label,) = place((800, 600), [(300, 300, 400, 400)], [_CAPTION], font_for((800, 600), "x"))
    assert label.box[3] == 300
    assert label.box[0] == 300


@pytest.mark.parametrize(
    ("size", "factor"), [((4000, 3000), 1), ((200, 200), 2), ((20, 20), 18), ((2000, 20), 1)]
)
def test_only_small_pictures_are_enlarged(size: tuple[int, int], factor: int) -> None:
    assert enlargement(*size) == factor


@pytest.mark.parametrize("size", [(1, 1), (2, 3000), (50, 40), (900, 700)])
@pytest.mark.parametrize("box", [None, (0, 0, 1, 1)])
def test_every_picture_can_be_drawn_on(size: tuple[int, int], box: Box | None) -> None:
    image = np.full((*size, 3), 90, np.uint8)
    before = image.copy()
    drawn = annotate(image, [box], [_CAPTION])
    factor = enlargement(size[1], size[0])
    assert drawn.size == (size[1] * factor, size[0] * factor)
    assert np.array_equal(image, before)


def test_frame_and_caption_are_drawn_in_the_same_colour() -> None:
    image = np.zeros((400, 400, 3), np.uint8)
    drawn = np.asarray(annotate(image, [(100, 100, 200, 200)], [["male"]]))
    colour = np.array([int(drawing._COLOURS[0][i : i + 2], 16) for i in (1, 3, 5)])
    assert (drawn[150, 100] == colour).all()
    assert (drawn[:100] == colour).all(-1).sum() > 200


def _luminance(colour: str) -> float:
    channels = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
    linear = [c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("colour", drawing._COLOURS)
def test_text_contrast(colour: str) -> None:
    ink = 0.0 if drawing._ink(colour) == "black" else 1.0
    low, high = sorted((ink, _luminance(colour)))
    assert (high + 0.05) / (low + 0.05) >= 4.5


def test_other_scripts_get_a_font_that_has_them() -> None:
    pytest.importorskip("matplotlib")
    latin, cyrillic = drawing.font_of(20, "été ±5"), drawing.font_of(20, "женщина")
    assert latin.getname() != cyrillic.getname()  # type: ignore[union-attr]
    assert cyrillic.getmask("ж").getbbox() != cyrillic.getmask("щ").getbbox()
