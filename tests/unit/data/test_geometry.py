"""One view, one resize: properties of crops, fits and the rendered input."""

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from mtlcli.data import geometry
from mtlcli.data.geometry import Framing, View, crop, crop_box, input_view, look_at, render, resize
from mtlcli.errors import DataError


def noise(height: int, width: int, seed: int = 0) -> np.ndarray:
    return np.random.default_rng(seed).integers(0, 256, (height, width, 3), np.uint8)


def slope(height: int, width: int) -> np.ndarray:
    """Red grows to the right, green downwards, by one level per pixel."""
    y, x = np.mgrid[:height, :width]
    return np.stack([x, y, np.zeros_like(x)], axis=2).astype(np.uint8)


sides = st.integers(1, 40)
views = st.builds(View, st.integers(-60, 60), st.integers(-60, 60), sides, sides)


def test_resize_to_the_same_size_changes_nothing() -> None:
    image = noise(33, 33)
    np.testing.assert_array_equal(resize(image, (33, 33)), image)


@pytest.mark.parametrize("shape", [(1, 1), (1, 50), (50, 1), (3, 200), (200, 150)])
@pytest.mark.parametrize("size", [1, 7, 64])
def test_resize_keeps_constant_pictures(shape: tuple[int, int], size: int) -> None:
    image = np.full((*shape, 3), (9, 120, 255), np.uint8)
    small = resize(image, (size, size))
    assert small.dtype == np.uint8
    np.testing.assert_array_equal(small, np.broadcast_to(image[0, 0], (size, size, 3)))


def test_resize_is_antialiased() -> None:
    board = np.indices((64, 64)).sum(0) % 2 * 255
    small = resize(np.repeat(board[:, :, None], 3, axis=2).astype(np.uint8), (16, 16))
    assert np.abs(small[2:-2, 2:-2].astype(int) - 127).max() <= 2


def test_resize_agrees_with_pillow_within_one_level() -> None:
    image = noise(200, 180)
    other = Image.fromarray(image).resize((128, 128), Image.Resampling.BILINEAR)
    assert np.abs(resize(image, (128, 128)).astype(int) - np.asarray(other)).max() <= 1


def test_read_only_pictures_will_do() -> None:
    image = noise(8, 8)
    image.flags.writeable = False
    assert resize(image, (4, 4)).shape == (4, 4, 3)


@settings(derandomize=True, deadline=None, max_examples=300)
@given(sides, sides, views)
def test_beyond_the_border_lies_the_nearest_border_pixel(h: int, w: int, view: View) -> None:
    image = noise(h, w)
    rows = np.arange(view.top, view.top + view.height).clip(0, h - 1)
    columns = np.arange(view.left, view.left + view.width).clip(0, w - 1)
    np.testing.assert_array_equal(crop(image, view), image[rows][:, columns])


def test_a_crop_inside_the_picture_copies_nothing() -> None:
    image = noise(20, 20)
    assert np.shares_memory(crop(image, View(2, 3, 10, 10)), image)


def test_a_crop_too_large_to_make_is_refused() -> None:
    with pytest.raises(DataError, match="mend the box"):
        crop_box(noise(4, 4), (0, 0, 1e6, 1e6), 0.0)


@pytest.mark.parametrize("box", [(10, 20, 40, 50), (10, 20, 41, 49)])
def test_boxes_are_half_open(box: tuple[int, int, int, int]) -> None:
    image = slope(100, 100)
    part = crop_box(image, box, 0.0)
    side = max(box[2] - box[0], box[3] - box[1])
    assert part.shape == (side, side, 3)
    assert part[0, 0, 0] == box[0]
    assert part[0, -1, 0] == box[0] + side - 1


def test_the_margin_is_added_on_each_side_and_the_crop_is_square() -> None:
    view = geometry.box_view((50, 40, 70, 80), 0.25, 200, 200)
    assert view == View(left=30, top=30, width=60, height=60)  # 40 * (1 + 2 * 0.25), about (60, 60)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(
    st.floats(0, 90), st.floats(0, 90), st.floats(0.01, 200), st.floats(0.01, 200), st.floats(0, 2)
)
def test_box_views_are_square_and_centred(
    x: float, y: float, w: float, h: float, margin: float
) -> None:
    view = geometry.box_view((x, y, x + w, y + h), margin, 100, 100)
    assert view.width == view.height >= 1
    assert abs(view.width - max(w, h) * (1 + 2 * margin)) <= 1
    assert abs(view.left + view.width / 2 - (x + w / 2)) <= 0.51
    assert abs(view.top + view.height / 2 - (y + h / 2)) <= 0.51


@pytest.mark.parametrize(
    "box", [(5, 5, 5, 9), (9, 5, 5, 9), (np.nan, 0, 1, 1), (0, 0, np.inf, 1), (-1e30, 0, 1e309, 1)]
)
def test_impossible_boxes_are_refused(box: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="empty or not finite"):
        crop_box(noise(10, 10), box, 0.0)


@pytest.mark.parametrize("box", [(-9, 0, 0, 9), (10, 0, 12, 9), (0, -5, 9, 0), (0, 10, 9, 20)])
def test_boxes_outside_the_picture_are_refused(box: tuple[float, ...]) -> None:
    with pytest.raises(DataError, match="outside"):
        crop_box(noise(10, 10), box, 1.0)


@pytest.mark.parametrize(
    "box", [(-8, -8, 8, 8), (32, 32, 48, 48), (-8, 32, 8, 48), (32, -8, 48, 8)]
)
def test_boxes_over_all_four_corners(box: tuple[int, ...]) -> None:
    image = noise(40, 40)
    assert input_view(image, box, Framing((24, 24), 0.3)).shape == (24, 24, 3)


@pytest.mark.parametrize("shape", [(60, 100), (100, 60), (61, 100)])
def test_fits_without_a_box(shape: tuple[int, int]) -> None:
    h, w = shape
    short, long = min(shape), max(shape)
    assert geometry.fit_view("squash", h, w) == View(0, 0, w, h)
    assert geometry.fit_view("crop", h, w)[2:4] == (short, short)
    assert geometry.fit_view("pad", h, w)[2:4] == (long, long)
    for fit in ("crop", "pad"):
        view = geometry.fit_view(fit, h, w)
        assert abs(view.left + view.width / 2 - w / 2) <= 0.5
        assert abs(view.top + view.height / 2 - h / 2) <= 0.5


@pytest.mark.parametrize("fit", ["squash", "crop", "pad"])
@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (30, 50)])
@pytest.mark.parametrize("size", [1, 16])
def test_every_fit_gives_the_size(fit: geometry.Fit, shape: tuple[int, int], size: int) -> None:
    assert input_view(noise(*shape), None, Framing((size, size), fit=fit)).shape == (size, size, 3)


def test_the_input_is_the_crop_resized() -> None:
    image, box = noise(90, 120), (20, 10, 80, 60)
    expected = resize(crop_box(image, box, 0.4), (48, 48))
    np.testing.assert_array_equal(input_view(image, box, Framing((48, 48), 0.4)), expected)
    view = look_at(image, box, Framing((48, 48), 0.4))
    np.testing.assert_array_equal(render(image, view, (48, 48)).permute(1, 2, 0).numpy(), expected)


def test_flip_mirrors_the_input() -> None:
    image, view = noise(50, 40), View(3, 4, 30, 30)
    flipped = render(image, view._replace(flip=True), (16, 16))
    assert torch.equal(flipped, render(image, view, (16, 16)).flip(2))


@pytest.mark.parametrize("turns", [1, 2, 3])
@pytest.mark.parametrize("flip", [False, True])
def test_a_quarter_turn_is_exact(turns: int, flip: bool) -> None:
    image = noise(32, 32)
    turned = (
        render(image, View(0, 0, 32, 32, flip, 90.0 * turns), (32, 32)).permute(1, 2, 0).numpy()
    )
    expected = np.rot90(image, turns)
    expected = expected[:, ::-1] if flip else expected
    assert np.abs(turned.astype(int) - expected).max() <= 1


def test_a_small_turn_is_near_the_straight_view() -> None:
    image, view = slope(120, 120), View(-5, 10, 100, 100)
    straight = render(image, view, (50, 50)).int()
    turned = render(image, view._replace(angle=0.01), (50, 50)).int()
    assert (straight - turned).abs().max() <= 2


def test_a_turned_view_of_a_large_picture_is_averaged() -> None:
    board = (np.indices((256, 256)).sum(0) % 2 * 255).astype(np.uint8)
    image = np.repeat(board[:, :, None], 3, axis=2)
    turned = render(image, View(28, 28, 200, 200, angle=5.0), (50, 50)).float()
    assert (turned - 127.5).abs().max() <= 2


def test_a_turned_view_beyond_the_picture_repeats_the_border() -> None:
    image = np.full((10, 10, 3), 77, np.uint8)
    assert (render(image, View(-30, -30, 20, 20, angle=30.0), (8, 8)) == 77).all()


def test_moving_a_view_by_nothing_keeps_it() -> None:
    view = View(3, -2, 17, 18)
    assert view.moved(1.0, 0.0, 0.0, False, 0.0) == view


@settings(derandomize=True, deadline=None, max_examples=100)
@given(views, st.floats(0.5, 2), st.floats(-0.5, 0.5), st.floats(-0.5, 0.5))
def test_moving_scales_about_the_centre_and_shifts(
    view: View, zoom: float, dx: float, dy: float
) -> None:
    moved = view.moved(zoom, dx, dy, True, 3.0)
    assert moved.flip
    assert moved.angle == 3.0
    assert abs(moved.width - zoom * view.width) <= 0.51
    centre = view.left + view.width / 2 + dx * view.width
    assert abs(moved.left + moved.width / 2 - centre) <= 0.51
