"""Mixtures of Gaussians against scikit-learn's."""

import pytest
import torch
from sklearn.mixture import GaussianMixture
from torch import Tensor

from mtlcli.completion.weights.mixture import Mixture, fit, improve, spread_out


def clustered(count: int, seed: int = 0, apart: float = 3.0) -> Tensor:
    drawn = torch.Generator().manual_seed(seed)
    centres = apart * torch.randn(3, 4, generator=drawn)
    which = torch.randint(3, (count,), generator=drawn)
    return (centres[which] + torch.randn(count, 4, generator=drawn)).double()


@pytest.mark.parametrize("apart", [0.7, 3.0])
def test_from_the_same_start_as_scikit_learn(apart: float) -> None:
    points = clustered(200, apart=apart)
    even = torch.full((3,), 1 / 3, dtype=torch.double)
    start = Mixture(even, points[:3], torch.ones(3, 4).double())
    theirs = GaussianMixture(
        3, covariance_type="diag", max_iter=300, tol=1e-9, reg_covar=1e-9,
        means_init=points[:3].numpy(), precisions_init=torch.ones(3, 4).numpy(),
        weights_init=even.numpy(),
    ).fit(points.numpy())  # fmt: skip
    ours = improve(points, start, rounds=300, tolerance=1e-9)
    torch.testing.assert_close(ours.means, torch.tensor(theirs.means_), atol=1e-2, rtol=1e-2)
    torch.testing.assert_close(ours.shares, torch.tensor(theirs.weights_), atol=1e-2, rtol=1e-2)
    assigned = torch.tensor(theirs.predict(points.numpy()))
    assert (ours.assign(points) == assigned).float().mean() > 0.98


def test_densities_are_those_of_independent_normals() -> None:
    points = clustered(20)
    mixture = Mixture(torch.tensor([0.3, 0.7]).double(), points[:2], torch.rand(2, 4).double() + 1)
    normal = torch.distributions.Normal(mixture.means, mixture.variances.sqrt())
    wanted = normal.log_prob(points[:, None]).sum(2) + mixture.shares.log()
    torch.testing.assert_close(mixture.log_joint(points, points.square()), wanted)


@pytest.mark.parametrize("elements", [1, 9, 2**20])
def test_any_size_of_block_assigns_the_same(elements: int, generator: torch.Generator) -> None:
    points = clustered(60)
    mixture = fit(points, 3, generator)
    assert torch.equal(mixture.assign(points, elements), mixture.assign(points))


def test_clusters_are_found(generator: torch.Generator) -> None:
    points = torch.cat([torch.randn(50, 2) + 20 * i for i in range(4)])
    found = fit(points, 4, generator).assign(points).view(4, 50)
    assert (found == found[:, :1]).all() and len(set(found[:, 0].tolist())) == 4


@pytest.mark.parametrize("rows", [1, 2, 3])
def test_fewer_rows_than_clusters(rows: int, generator: torch.Generator) -> None:
    points = clustered(rows)
    mixture = fit(points.repeat(2, 1), 5, generator)
    assert len(mixture.shares) == rows
    assert all(x.isfinite().all() for x in vars(mixture).values())


def test_starts_are_different_rows(generator: torch.Generator) -> None:
    points = torch.tensor([[0.0], [0.0], [1.0], [5.0], [5.0]])
    assert sorted(spread_out(points, 9, generator).flatten().tolist()) == [0, 1, 5]
