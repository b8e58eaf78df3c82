"""Gradients that cancel up to rounding, whose Gramian may have an eigenvalue below 0."""

import pytest
import torch

from mtlcli import catalog, registry
from mtlcli.balancing.base import Moment

TASKS = ["a", "b"]
NAMES = [n for n in catalog.AGGREGATORS if not registry.attribute("aggregator", n, "at_features")]
LOSSES = {"a": torch.tensor(0.7), "b": torch.tensor(1.3)}


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("apart", [1e-7, 1e-6, 1e-4])
@pytest.mark.parametrize("width", [1, 8, 1000])
def test_they_give_a_finite_direction(name: str, apart: float, width: int) -> None:
    for seed in range(8):
        one = torch.randn(1, width, generator=torch.Generator().manual_seed(seed))
        gradients = torch.cat([one, -(1 + apart) * one])
        method = registry.build("aggregator", name, TASKS, options={})
        method.begin(Moment())
        given = gradients.expand(method.estimates, *gradients.shape)
        found = method(given if method.estimates > 1 else gradients, LOSSES)
        assert torch.isfinite(found).all()
        assert float(found.norm()) < 100 * float(gradients.norm())
