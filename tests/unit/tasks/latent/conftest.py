"""Small problems with known groups, in float64."""

from collections.abc import Callable

import pytest
import torch
from torch import Tensor

from mtlcli.tasks.latent.objective import Factors, Hinge, Penalties, Problem

Make = Callable[..., tuple[Problem, Factors]]

GROUPS = torch.tensor([0, 0, 0, 1, 1, 2])


@pytest.fixture
def make() -> Make:
    """A problem of N rows, D features, six attributes in three groups, and a random start."""

    def problem(
        *, seed: int = 0, rows: int = 40, width: int = 7, latents: int = 4,
        mu: float = 0.05, gamma: float = 0.01, lam: float = 0.02, gaps: float = 0.2,
        own: bool = False,
    ) -> tuple[Problem, Factors]:  # fmt: skip
        drawn = torch.Generator().manual_seed(seed)

        def normal(*shape: int) -> Tensor:
            return torch.randn(*shape, generator=drawn, dtype=torch.float64)

        attributes = len(GROUPS)
        features = normal(attributes, rows, width) if own else normal(rows, width)
        truth = normal(width, attributes)
        scores = torch.einsum("mnd,dm->nm", features, truth) if own else features @ truth
        signs = (scores + normal(rows, attributes)).sign()
        signs[torch.rand(signs.shape, generator=drawn) < gaps] = 0
        data = Hinge(list(features) if own else features, signs, 1 / rows)
        start = Factors(
            normal(width, latents) / 3, normal(latents, attributes) / 3, normal(attributes) / 3
        )
        return Problem(data, GROUPS, Penalties(mu, gamma, lam)), start

    return problem
