"""The picture of explanations: evidence is light, the rest stays grey, and captions are there."""

import numpy as np
import pytest

from mtlcli.tasks.colours import HEAT, _perceived, paint_ramp
from mtlcli.workflows.explain_picture import Cell, compose, heat


def test_more_is_lighter_at_every_step() -> None:
    ramp = paint_ramp(np.linspace(0, 1, 65)[None], HEAT)[0]
    steps = np.diff(_perceived(ramp.astype(np.float64))[:, 0])
    assert (steps > 0).all() and steps.max() < 3 * steps.mean()


def test_where_there_is_no_evidence_the_picture_is_grey() -> None:
    image = np.random.default_rng(0).integers(0, 256, (6, 7, 3), dtype=np.uint8)
    shown = heat(image, np.zeros((6, 7), np.float32))
    assert (shown == shown[..., :1]).all() and shown.std() > 10


def test_evidence_has_its_colour_and_the_picture_shines_through() -> None:
    image = np.zeros((1, 2, 3), np.uint8)
    image[0, 1] = 255
    shown = heat(image, np.ones((1, 2), np.float32)).astype(int)
    assert (shown[0, 1] > shown[0, 0]).all()
    assert (shown[..., 0] > shown[..., 2]).all()


@pytest.mark.parametrize("size", [(64, 64), (8, 20), (900, 1200), (3000, 30)])
def test_pictures_of_any_size_stand_side_by_side(size: tuple[int, int]) -> None:
    image = np.full((*size, 3), 200, np.uint8)
    row = [Cell(image, ["age 31 ±5", "why higher age"])] * 3
    one, two = compose([row]), compose([row, row])
    assert one.width == two.width and one.height < two.height < 2 * one.height
    assert 240 <= max(one.width // 3, one.height) <= 1500


def test_captions_are_written_under_the_pictures() -> None:
    image = np.full((100, 100, 3), 255, np.uint8)
    plain = np.asarray(compose([[Cell(image, ["", ""])]]))
    said = np.asarray(compose([[Cell(image, ["race Asian 0.81", "why Asian"])]]))
    changed = (plain != said).any(2)
    assert changed.any() and not changed[:300].any()


def test_a_long_caption_ends_with_its_picture() -> None:
    image = np.full((100, 100, 3), 255, np.uint8)
    said = np.asarray(compose([[Cell(image, ["w" * 400]), Cell(image, [""])]]))
    second = said[320:340, 325:]
    assert (second == 255).all()
