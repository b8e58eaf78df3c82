"""Tiles: every pixel is covered, weights add up to one, nothing shows where they met."""

from itertools import pairwise

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from mtlcli.engine import tiles

lengths = st.integers(1, 3000)
sides = st.integers(4, 30).map(lambda n: n * tiles.ALIGN)
few = settings(derandomize=True, deadline=None, max_examples=60)


@few
@given(lengths, sides)
def test_tiles_reach_from_border_to_border_and_share_a_quarter(length: int, tile: int) -> None:
    places = tiles.cuts(length, tile)
    assert places[0][0] == 0
    assert places[-1][1] == length
    for (start, stop), (following, _) in pairwise(places):
        assert stop - start == tile
        assert start < following
        assert stop - following >= tile / 4
    assert all(start % tiles.ALIGN == 0 for start, _ in places)
    last = places[-1][1] - places[-1][0]
    assert last == length or tile - tiles.ALIGN < last <= tile


@few
@given(lengths, sides, st.sampled_from([1, 2, 4, 8, 16, 32]))
def test_weights_add_up_to_one(length: int, tile: int, step: int) -> None:
    places = tiles.cuts(length, tile)
    total = torch.zeros(-(-length // step))
    for (start, _), window in zip(places, tiles.windows(places, tile, step), strict=True):
        assert (window >= 0).all()
        total[start // step : start // step + len(window)] += window
    assert torch.allclose(total, torch.ones_like(total), atol=1e-6)


def _see(net: nn.Module) -> tiles.See:
    def see(part: np.ndarray) -> dict[str, Tensor]:
        image = torch.from_numpy(part.astype(np.float32)).permute(2, 0, 1)[None] / 255
        with torch.no_grad():
            return {"map": net(image)}

    return see


def _noise(height: int, width: int) -> np.ndarray:
    return np.random.default_rng(0).integers(0, 256, (height, width, 3), np.uint8)


@settings(derandomize=True, deadline=None, max_examples=15)
@given(st.integers(1, 400), st.integers(1, 400))
def test_a_pointwise_network_gives_what_the_whole_gives(height: int, width: int) -> None:
    net, image = nn.Conv2d(3, 4, 1), _noise(height, width)
    whole = _see(net)(image)["map"]
    assert torch.allclose(tiles.tiled(_see(net), image, 128)["map"], whole, atol=1e-5)


@pytest.mark.parametrize("size", [(300, 417), (129, 128), (40, 640), (271, 263)])
def test_small_surroundings_give_what_the_whole_gives(size: tuple[int, int]) -> None:
    """Stride 4 and 7 pixels to each side: less than a sixteenth of a tile."""
    net = nn.Sequential(
        nn.Conv2d(3, 5, 3, stride=2, padding=1), nn.ReLU(), nn.Conv2d(5, 4, 3, stride=2, padding=1)
    )
    image = _noise(*size)
    whole = _see(net)(image)["map"]
    found = tiles.tiled(_see(net), image, 128)["map"]
    assert found.shape == whole.shape
    assert torch.allclose(found, whole, atol=1e-5)


def test_tiles_that_disagree_fade_over() -> None:
    answers = iter(range(100))

    def see(part: np.ndarray) -> dict[str, Tensor]:
        return {"map": torch.full((1, 1, *part.shape[:2]), float(next(answers) % 2))}

    found = tiles.tiled(see, _noise(100, 900), 256)["map"][0, 0]
    assert found.min() == 0
    assert found.max() == 1
    assert float(found.diff(dim=1).abs().max()) < 1.5 / (256 / 8)


def test_networks_that_round_down_are_brought_onto_the_grid() -> None:
    net, image = nn.Conv2d(3, 2, 5, stride=4), np.full((300, 300, 3), 90, np.uint8)
    whole = _see(net)(image)["map"]
    found = tiles.tiled(_see(net), image, 128)["map"]
    assert found.shape == (1, 2, 75, 75)
    assert torch.allclose(found, whole[:, :, :1, :1].expand_as(found), atol=1e-5)


def test_answers_for_the_whole_picture_are_left_out() -> None:
    def see(_: np.ndarray) -> dict[str, Tensor]:
        return {"map": torch.zeros(1, 1, 4, 4), "label": torch.zeros(1, 2)}

    assert set(tiles.tiled(see, _noise(200, 200), 128)) == {"map"}
