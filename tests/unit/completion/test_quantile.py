"""Quantiles that are one of the values."""

import pytest
import torch

from mtlcli.completion.quantile import order_statistic


@pytest.mark.parametrize(
    ("share", "wanted"), [(0.0, 1), (0.24, 1), (0.25, 2), (0.5, 3), (0.99, 4), (1.0, 4)]
)
def test_the_value_at_the_place(share: float, wanted: float) -> None:
    assert order_statistic(torch.tensor([3.0, 1, 4, 2]), share) == wanted
