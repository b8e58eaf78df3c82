"""What is drawn depends on (seed, epoch, index) alone; what is done is what the options say."""

import itertools

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image, ImageEnhance

from mtlcli.data.geometry import View
from mtlcli.data.transforms import Augment, Erasure, recolour, uniforms, wipe
from mtlcli.errors import UsageError

EVERYTHING = Augment(
    flip=0.5, scale=(0.7, 1.2), shift=0.1, rotate=10, brightness=0.3, contrast=0.3, saturation=0.3,
    gray=0.2, erase=0.5,
)  # fmt: skip


def picture(seed: int = 0) -> torch.Tensor:
    made = torch.Generator().manual_seed(seed)
    return torch.randint(0, 256, (3, 24, 20), generator=made, dtype=torch.uint8)


def test_the_numbers_are_the_same_on_every_machine() -> None:
    assert uniforms(1, 2, 3)[:3] == pytest.approx(GOLDEN, abs=1e-9)


GOLDEN = (0.5808137592, 0.8835401239, 0.1858681992)


def test_the_numbers_are_uniform_and_independent() -> None:
    drawn = np.array([uniforms(0, epoch, i) for epoch in range(10) for i in range(400)])
    assert drawn.min() >= 0
    assert drawn.max() < 1
    np.testing.assert_allclose(drawn.mean(0), 0.5, atol=0.02)
    np.testing.assert_allclose(drawn.var(0), 1 / 12, atol=0.005)
    assert np.abs(np.corrcoef(drawn.T) - np.eye(16)).max() < 0.07


def test_seed_epoch_and_index_each_matter() -> None:
    keys = list(itertools.product(range(3), repeat=3))
    assert len({EVERYTHING.draw(*key) for key in keys}) == len(keys)
    assert EVERYTHING.draw(-1, 0, 0) != EVERYTHING.draw(1, 0, 0)


def test_one_option_does_not_change_what_others_draw() -> None:
    plain, more = Augment(shift=0.2), Augment(shift=0.2, erase=1.0, rotate=5, contrast=0.5)
    for index in range(20):
        a, b = plain.draw(0, 0, index), more.draw(0, 0, index)
        assert (a.flip, a.zoom, a.dx, a.dy) == (b.flip, b.zoom, b.dx, b.dy)


def test_none_changes_nothing() -> None:
    look, view, pixels = Augment.none().draw(5, 6, 7), View(3, 4, 50, 51), picture()
    assert look.move(view) == view
    assert torch.equal(look.paint(pixels), pixels)


@settings(derandomize=True, deadline=None, max_examples=200)
@given(st.integers(0, 2**40), st.integers(0, 1000), st.integers(0, 10**9))
def test_what_is_drawn_stays_in_bounds(seed: int, epoch: int, index: int) -> None:
    look = EVERYTHING.draw(seed, epoch, index)
    assert 0.7 <= look.zoom <= 1.2
    assert max(abs(look.dx), abs(look.dy)) <= 0.1
    assert abs(look.angle) <= 10
    assert 0.7 <= look.brightness <= 1.3
    assert 0.7 <= look.contrast <= 1.3
    assert look.saturation == 0 or 0.7 <= look.saturation <= 1.3
    if look.erase:
        x, y, w, h = look.erase
        assert 0 <= x <= x + w <= 1 + 1e-12
        assert 0 <= y <= y + h <= 1 + 1e-12
        assert w * h <= 0.33 + 1e-9


def test_probabilities_are_kept() -> None:
    looks = [EVERYTHING.draw(0, 0, index) for index in range(3000)]
    assert np.mean([look.flip for look in looks]) == pytest.approx(0.5, abs=0.03)
    assert np.mean([look.saturation == 0 for look in looks]) == pytest.approx(0.2, abs=0.03)
    assert np.mean([look.erase is not None for look in looks]) == pytest.approx(0.5, abs=0.03)


def test_recolour_by_one_changes_nothing() -> None:
    assert torch.equal(recolour(picture(), 1.0, 1.0, 1.0), picture())


@pytest.mark.parametrize(
    "factors, enhance",
    [
        ((1.3, 1, 1), "Brightness"),
        ((1, 0.6, 1), "Contrast"),
        ((1, 1.4, 1), "Contrast"),
        ((1, 1, 0.3), "Color"),
        ((1, 1, 1.3), "Color"),
    ],
)
def test_recolour_is_pillows_enhancement(factors: tuple[float, float, float], enhance: str) -> None:
    pixels = picture()
    image = Image.fromarray(pixels.permute(1, 2, 0).numpy())
    factor = next(f for f in factors if f != 1)
    expected = np.asarray(getattr(ImageEnhance, enhance)(image).enhance(factor))
    mine = recolour(pixels, *factors).permute(1, 2, 0).numpy()
    assert np.abs(mine.astype(int) - expected).max() <= 2  # Pillow rounds the mean and the luma


def test_recolour_takes_either_memory_layout() -> None:
    other = picture().permute(1, 2, 0).contiguous().permute(2, 0, 1)
    assert torch.equal(recolour(other, 0.8, 1.2, 0.5), recolour(picture(), 0.8, 1.2, 0.5))


def test_no_saturation_is_grey() -> None:
    grey = recolour(picture(), 1.0, 1.0, 0.0).int()
    assert torch.equal(grey[0], grey[1])
    assert torch.equal(grey[1], grey[2])


def test_extremes_are_clipped_not_wrapped() -> None:
    bright = recolour(torch.full((3, 4, 4), 200, dtype=torch.uint8), 2.0, 1.0, 1.0)
    assert (bright == 255).all()


def test_wipe_fills_the_rectangle_with_the_mean_and_keeps_the_rest() -> None:
    pixels = picture()
    wiped = wipe(pixels, Erasure(0.25, 0.5, 0.5, 0.25))
    mean = pixels.float().mean((1, 2)).round().to(torch.uint8)
    inside = torch.zeros(24, 20, dtype=torch.bool)
    inside[12:18, 5:15] = True
    assert torch.equal(wiped[:, ~inside], pixels[:, ~inside])
    assert (wiped[:, inside] == mean[:, None]).all()
    assert torch.equal(pixels, picture())  # the input is not touched


@pytest.mark.parametrize(
    "name, value",
    [
        ("flip", 1.5),
        ("erase", -0.1),
        ("scale", (0.0, 1.0)),
        ("scale", (1.2, 1.0)),
        ("rotate", 200),
        ("brightness", 2),
        ("shift", float("nan")),
    ],
)
def test_impossible_options_are_refused(name: str, value: object) -> None:
    with pytest.raises(UsageError, match=f"augment.{name}"):
        Augment(**{name: value})
