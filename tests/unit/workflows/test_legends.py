"""Legends: all that is named is there, inside the width, below the picture."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mtlcli.tasks.colours import as_colour, palette
from mtlcli.workflows.legends import Legend, draw_legend, under

names = st.lists(st.text("abcdefgh ", min_size=1, max_size=20), min_size=1, max_size=45)


def _colours(picture: Image.Image) -> set[tuple[int, ...]]:
    return set(map(tuple, np.asarray(picture)[::3, ::3].reshape(-1, 3).tolist()))


@settings(derandomize=True, deadline=None, max_examples=15)
@given(names, st.integers(60, 600), st.integers(12, 20))
def test_every_colour_is_shown(texts: list[str], width: int, height: int) -> None:
    entries = [(t, as_colour(c)) for t, c in zip(texts, palette(len(texts)), strict=True)]
    drawn = draw_legend(Legend(entries), width, height)
    assert drawn.width == width
    assert {colour for _, colour in entries} <= _colours(drawn)


def test_long_lists_go_on_in_further_lines() -> None:
    entries = [(f"class number {i}", (i, 0, 0)) for i in range(30)]
    few, many = (draw_legend(Legend(entries[:count]), 300, 12) for count in (1, 30))
    assert few.height == 24
    assert many.height > 10 * 12


@settings(derandomize=True, deadline=None, max_examples=25)
@given(st.integers(20, 900))
def test_a_bar_runs_from_the_first_colour_to_the_last(width: int) -> None:
    entries = [("0 m", (255, 0, 0)), ("5 m", (0, 255, 0)), ("10 m", (0, 0, 255))]
    drawn = draw_legend(Legend(entries, ramp=True), width, 12)
    row = np.asarray(drawn)[12]
    shown = row[(row != 255).any(1)]
    assert drawn.width == width
    if width > 100:
        assert shown[3][0] > 220
        assert shown[-4][2] > 220
        assert shown[len(shown) // 2][1] > 220


def test_the_picture_is_not_covered() -> None:
    image = np.random.default_rng(0).integers(0, 256, (50, 80, 3), np.uint8)
    made = under(Image.fromarray(image), Legend([("sky", (1, 2, 3))]))
    assert made.width == 80
    assert made.height > 60
    assert np.array_equal(np.asarray(made)[:50], image)
