"""The small problems that aggregators solve on the Gram matrix end where their conditions hold."""

import pytest
import torch
from torch import Tensor

from mtlcli.balancing.bargaining import bargain
from mtlcli.balancing.base import gramian
from mtlcli.balancing.dual_cone import project, regularised
from mtlcli.balancing.simplex import least_norm, project_to_simplex


def rows(count: int, seed: int = 0, width: int = 24) -> Tensor:
    """Gradients ``[count, width]``."""
    generator = torch.Generator().manual_seed(seed)
    return torch.randn(count, width, generator=generator) + 0.2


@pytest.mark.parametrize("count", [2, 3, 5, 12])
@pytest.mark.parametrize("seed", range(4))
def test_mgda_is_the_shortest_vector_of_the_hull(seed: int, count: int) -> None:
    gram = gramian(rows(count, seed, width=6 if seed % 2 else 24))  # singular for odd seeds
    w = least_norm(gram)
    assert w.min() >= 0 and torch.isclose(w.sum(), torch.ones((), dtype=w.dtype))
    slopes = gram @ w  # optimal: every row's inner product with it is at least its square
    assert slopes.min() >= float(w @ slopes) - 1e-8 * float(gram.max())


@pytest.mark.parametrize("alpha", [0.5, 1.0, 2.0, 5.0])
@pytest.mark.parametrize("count", [1, 2, 5, 40])
def test_the_bargain_solves_its_equation(count: int, alpha: float) -> None:
    gram = gramian(rows(count, seed=count, width=60))
    w = bargain(gram, alpha)
    assert (w > 0).all()
    assert torch.allclose(gram @ w, w ** (-1 / alpha), rtol=1e-5)


@pytest.mark.parametrize("count", [1, 2, 5, 20])
@pytest.mark.parametrize("seed", range(4))
def test_the_dual_cone_projection_meets_its_conditions(seed: int, count: int) -> None:
    gram = regularised(gramian(rows(count, seed) - 0.4), 1e-4)
    start = torch.full((count,), 1 / count, dtype=gram.dtype)
    v = project(gram, start)
    slopes = gram @ v
    assert (v >= start - 1e-12).all() and slopes.min() > -1e-9
    assert float(((v - start) * slopes).abs().max()) < 1e-9  # complementary


@pytest.mark.parametrize("seed", range(5))
def test_projection_to_the_simplex_is_the_nearest_point(seed: int) -> None:
    point = torch.randn(6, generator=torch.Generator().manual_seed(seed)).double() * 2
    found = project_to_simplex(point)
    assert found.min() >= 0 and torch.isclose(found.sum(), torch.ones((), dtype=found.dtype))
    others = torch.distributions.Dirichlet(torch.full((6,), 0.3)).sample((500,)).double()
    assert ((others - point).square().sum(1) >= (found - point).square().sum() - 1e-9).all()
