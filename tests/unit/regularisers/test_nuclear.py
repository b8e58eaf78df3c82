"""The nuclear norm against torch's, and its subgradient."""

import torch

from mtlcli.regularisers.base import first_layers
from mtlcli.regularisers.nuclear import Nuclear


def test_it_is_the_nuclear_norm(sight) -> None:
    seen = sight()
    expected = torch.linalg.matrix_norm(first_layers(seen.heads), "nuc")
    torch.testing.assert_close(Nuclear(["a"]).penalty(seen), expected)


def test_at_a_matrix_of_low_rank_the_subgradient_is_that_of_least_norm(sight) -> None:
    seen = sight(hidden=2)
    columns = torch.randn(6, 1, dtype=torch.float64) @ torch.randn(1, 6, dtype=torch.float64)
    with torch.no_grad():
        for head, part in zip(seen.heads.values(), columns.split(2, 1), strict=True):
            head.first.weight.copy_(part.T)
    Nuclear(["a"]).penalty(seen).backward()
    gradient = torch.cat([head.first.weight.grad.T for head in seen.heads.values()], 1)
    torch.testing.assert_close(gradient, columns / columns.norm())
