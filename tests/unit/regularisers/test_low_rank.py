"""The distance to the nearest matrix of a rank."""

import pytest
import torch

from mtlcli.regularisers.base import first_layers
from mtlcli.regularisers.low_rank import LowRank


@pytest.mark.parametrize("rank", [0, 1, 3, 6, 9])
def test_it_is_the_squared_distance_to_the_truncated_matrix(rank: int, sight) -> None:
    seen = sight()
    matrix = first_layers(seen.heads).detach()
    u, s, v = torch.linalg.svd(matrix, full_matrices=False)
    nearest = u[:, :rank] * s[:rank] @ v[:rank]
    value = LowRank(["a"], rank=rank).penalty(seen)
    torch.testing.assert_close(value.detach(), (matrix - nearest).square().sum())
    value.backward()
    gradient = torch.cat([head.first.weight.grad.T for head in seen.heads.values()], 1)
    torch.testing.assert_close(gradient, 2 * (matrix - nearest))


def test_a_matrix_of_that_rank_is_free(sight) -> None:
    seen = sight(hidden=2)
    columns = torch.randn(6, 2, dtype=torch.float64) @ torch.randn(2, 6, dtype=torch.float64)
    with torch.no_grad():
        for head, part in zip(seen.heads.values(), columns.split(2, 1), strict=True):
            head.first.weight.copy_(part.T)
    assert LowRank(["a"], rank=2).penalty(seen) < 1e-20
    assert LowRank(["a"], rank=1).penalty(seen) > 1e-3
