"""The l2,1 norm adds up the lengths of rows."""

import torch

from mtlcli.regularisers.base import first_layers
from mtlcli.regularisers.l21 import L21


def test_it_is_the_sum_of_the_lengths_of_rows(sight) -> None:
    seen = sight()
    matrix = first_layers(seen.heads)
    assert matrix.shape == (6, 12)
    expected = sum(float(sum(x * x for x in row)) ** 0.5 for row in matrix.tolist())
    assert abs(float(L21(["a"]).penalty(seen).detach()) - expected) < 1e-9


def test_a_feature_that_no_task_reads_gets_no_gradient(sight) -> None:
    seen = sight()
    with torch.no_grad():
        for head in seen.heads.values():
            head.first.weight[:, 2] = 0
    L21(["a"]).penalty(seen).backward()
    gradient = torch.cat([head.first.weight.grad.T for head in seen.heads.values()], 1)
    assert not gradient[2].any()
    kept = gradient[[0, 1, 3, 4, 5]]
    torch.testing.assert_close(kept.norm(dim=1), torch.ones(5, dtype=torch.float64))
