"""Colours tell classes apart, stay the same, and leave grey to what is undefined."""

import math

import numpy as np
import pytest

from mtlcli.tasks.colours import UNKNOWN, as_colour, paint_classes, paint_ramp, palette


@pytest.mark.parametrize("count", [1, 2, 11, 40, 255])
def test_all_colours_differ_from_each_other_and_from_grey(count: int) -> None:
    colours = np.vstack([palette(count), UNKNOWN]).astype(int)
    apart = np.abs(colours[:, None] - colours[None]).sum(2) + 1000 * np.eye(len(colours), dtype=int)
    assert colours.shape == (count + 1, 3)
    assert apart.min() >= (60 if count <= 40 else 20)


def test_a_class_keeps_its_colour_when_others_are_added() -> None:
    np.testing.assert_array_equal(palette(255)[:11], palette(11))
    changed = palette(3)
    changed[:] = 0
    assert palette(3).any()


def test_classes_have_their_colours_and_others_are_grey() -> None:
    painted = paint_classes(np.array([[0, 2], [3, 255]], np.uint8), 3)
    assert [tuple(pixel) for pixel in painted[0]] == [tuple(palette(3)[0]), tuple(palette(3)[2])]
    assert (painted[1] == UNKNOWN).all()


def test_a_ramp_goes_from_anchor_to_anchor() -> None:
    anchors = [(0, 0, 0), (100, 0, 200), (255, 255, 255)]
    values = np.array([[-1.0, 0, 0.25, 0.5, 1, 7, math.nan]])
    wanted = [anchors[0], anchors[0], (50, 0, 100), anchors[1], anchors[2], anchors[2], UNKNOWN]
    assert [as_colour(pixel) for pixel in paint_ramp(values, anchors)[0]] == wanted
