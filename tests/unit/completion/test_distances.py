"""Distances by one product, block by block."""

import pytest
import torch

from mtlcli.completion.distances import blocks, closeness, usual


def test_half_the_squared_distance_with_a_minus() -> None:
    left, right = torch.randn(5, 3), torch.randn(4, 3)
    torch.testing.assert_close(closeness(left, right), -torch.cdist(left, right).square() / 2)


@pytest.mark.parametrize(
    ("rows", "width", "elements"), [(7, 3, 6), (7, 9, 2), (0, 5, 10), (3, 0, 2)]
)
def test_blocks_make_up_the_whole(rows: int, width: int, elements: int) -> None:
    points = torch.randn(rows, 2)
    parts = [*blocks(points, width, elements)]
    assert torch.equal(torch.cat(parts), points)
    assert all(len(p) * width <= max(elements, width) for p in parts)


@pytest.mark.parametrize(
    ("squares", "wanted"),
    [([4.0, 1, 9], 4), ([1.0, 2, torch.inf], 1), ([0.0, 0, 3], 1e-6), ([0.0, 0], 1e-12)],
)
def test_the_usual_square_is_never_zero(squares: list[float], wanted: float) -> None:
    torch.testing.assert_close(usual(torch.tensor(squares)), torch.tensor(wanted).float())
